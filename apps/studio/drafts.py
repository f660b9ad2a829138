"""The drafts of a site beside what it serves: what would change, and what stands against it."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from apps.content.errors import InvalidContent
from apps.content.selectors import problems as content_problems
from apps.decisions.services import draft_document
from apps.rules.selectors import problems as rule_problems
from apps.studio import selectors
from apps.studio.domain.differences import changes_between
from apps.studio.types import Change
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.snapshot import SnapshotDoc, decode_snapshot, encode_snapshot


@dataclass(frozen=True, slots=True)
class Drafts:
    """What publishing now would do.

    Attributes:
        changes: what visitors would notice; empty when the drafts are what serves.
        warnings: sentences about what stands against it, or will not take part.
        token: changes whenever the drafts do; empty when they cannot be read.
    """

    changes: list[Change]
    warnings: list[str]
    token: str


def drafts_of(site_id: UUID, serving: int | None) -> Drafts:
    """Compare a site's drafts with its publication `serving` (None: there is none). ~10 queries."""
    warnings = _warnings(site_id)
    try:
        drafted = _drafted(site_id)
    except InvalidContent:
        return Drafts([], warnings, "")
    except (InvalidCondition, InvalidSnapshot) as error:
        return Drafts([], warnings or [f"{error}."], "")
    changes = changes_between(_served(site_id, serving), drafted)
    token = hashlib.sha256(encode_snapshot(drafted)).hexdigest()
    return Drafts(changes, warnings, token)


def _warnings(site_id: UUID) -> list[str]:
    content = [problem["detail"] for problem in content_problems(site_id)]
    return content + rule_problems(site_id)


def _drafted(site_id: UUID) -> SnapshotDoc:
    """The drafts in the form of a publication, without writing anything.

    Hidden segments of new rules and the versions of changed variants are given by publishing.
    """
    # Through JSON, as the stored one went: a tuple and a list are then the same.
    return decode_snapshot(encode_snapshot(draft_document(site_id)))


def _served(site_id: UUID, serving: int | None) -> SnapshotDoc | None:
    if serving is None:
        return None
    text = selectors.documents(site_id, [serving]).get(serving)
    return None if text is None else decode_snapshot(text)
