"""What might serve instead of what does: drafts, a release, one rule, an earlier publication."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from apps.decisions import manifests, parts, release_reads
from apps.decisions.manifests import Name
from apps.decisions.selectors import (
    Served,
    current,
    latest_publication,
    nothing,
    publication_document,
    release_document,
)
from apps.delivery.drafted import Drafted, with_hidden
from apps.rules.trying import Tried, tried
from engine.snapshot import RuleDoc, SnapshotDoc

DRAFTS: Final = "drafts"
RELEASE: Final = "release"
RULE: Final = "rule"
PUBLICATION: Final = "publication"

Doc = TypeVar("Doc")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A publication to try, and what it is called: "the drafts", "the rule “Phones”, off"."""

    words: str
    drafted: Drafted


class NoCandidate(Exception):
    """What was to be tried does not exist, or cannot serve as it is. In a sentence."""


def why_not(error: Exception) -> str:
    """Return in a sentence why there is nothing to try."""
    found: list[Mapping[str, str]] = getattr(error, "errors", [])
    said = found[0]["detail"] if found else str(error)
    return said if said.endswith((".", "!", "?")) else f"{said}."


def candidate_of(site_id: UUID, asked: Mapping[str, Any]) -> Candidate:
    """Return what is to be tried. Reads only.

    Args:
        asked: {"what": "drafts"}, the same with "only", a list of [kind, key, digest],
            {"what": "release", "id"}, {"what": "publication", "number"}, or
            {"what": "rule", "id", "how": "on" or "off"}.

    Raises:
        NoCandidate, PersonalizationError: there is nothing to try (`why_not` words it).
    """
    match asked:
        case {"what": "release", "id": id}:
            document = release_document(site_id, UUID(str(id)))
            return _found("the release", site_id, document)
        case {"what": "publication", "number": int(number)}:
            document = publication_document(site_id, number)
            return _found(f"publication {number}", site_id, document)
        case {"what": "rule", "id": id, "how": how}:
            return _with_rule(site_id, UUID(str(id)), is_on=how != "off")
        case {"what": "drafts", "only": [*ticked]}:
            document = drafted_document(site_id, {(kind, key): one for kind, key, one in ticked})
            return _found("the drafts that were ticked", site_id, document)
        case {"what": "drafts"}:
            return _found("all drafts", site_id, drafted_document(site_id))
    raise NoCandidate("Choose what to try.")


def serving(site_id: UUID) -> Served:
    """Return what a site serves, compiled once in this process.

    Raises:
        NoCandidate: it is not known for a moment.
    """
    latest = latest_publication(site_id)
    if latest is None:
        return nothing(site_id)
    found = current(site_id, b"%d" % latest.number)
    if found is None:
        raise NoCandidate("What this site serves is not known for a moment: try again.")
    return found


def drafted_document(site_id: UUID, only: Mapping[Name, str] | None = None) -> SnapshotDoc:
    """Return the drafts as publishing now would serve them. Costs as much as was changed.

    Args:
        only: (kind, key) -> the digest of the drafts that were looked at; what they need comes
            along, as it does where they are published. None: all of them.

    Raises:
        PersonalizationError: some of them cannot be published, or are others by now.
    """
    parts.refresh_parts(site_id)
    rows = list(release_reads.picked(site_id, only).values())
    after = release_reads.drafts_beside(site_id, rows).after
    document = serving(site_id).compiled.doc
    changed: dict[str, set[str]] = {}
    for row in rows:
        changed.setdefault(row.kind, set()).add(row.key)
    fields: dict[str, Any] = {}
    for kind, keys in changed.items():
        _, plural, order = manifests.KINDS[kind]
        kept = [one for one in getattr(document, plural) if one.key not in keys]
        fields[plural] = sorted([*kept, *getattr(after, plural)], key=attrgetter(order))
    return msgspec.structs.replace(document, **fields)


def _found(words: str, site_id: UUID, document: SnapshotDoc | None) -> Candidate:
    if document is None:
        raise NoCandidate(f"There is no such thing to try any more: {words}.")
    return Candidate(words, with_hidden(site_id, document))


def _with_rule(site_id: UUID, rule_id: UUID, *, is_on: bool) -> Candidate:
    """What serves, with one rule of the drafts switched on or off and nothing else changed."""
    rule = tried(site_id, rule_id)
    if rule is None:
        raise NoCandidate("There is no such rule any more.")
    now = serving(site_id)
    if not now.number:
        raise NoCandidate("Nothing serves yet: publish first, then try a change.")
    document = now.compiled.doc
    others = [one for one in document.rules if one.key != rule.document.key]
    if not is_on:
        document = msgspec.structs.replace(document, rules=others)
        return Candidate(f"the rule “{rule.name}”, switched off", with_hidden(site_id, document))
    document = _made_ready(site_id, document, rule, [*others, rule.document])
    drafted = with_hidden(site_id, document, rule.hidden)
    return Candidate(f"the rule “{rule.name}”, switched on", drafted)


def _made_ready(
    site_id: UUID, document: SnapshotDoc, rule: Tried, rules: Sequence[RuleDoc]
) -> SnapshotDoc:
    """What serves, with what the rule needs of the drafts where it does not serve yet."""
    has_place = any(one.key == rule.document.placement for one in document.placements)
    has_variant = any(
        block.key == rule.block and any(one.key == rule.document.variant for one in block.variants)
        for block in document.blocks
    )
    drafts = drafted_document(site_id)
    blocks, placements = list(document.blocks), list(document.placements)
    if not has_variant:
        blocks = _replaced(document.blocks, [one for one in drafts.blocks if one.key == rule.block])
    if not has_place:
        wanted = rule.document.placement
        placements = _replaced(
            document.placements, [one for one in drafts.placements if one.key == wanted]
        )
    return msgspec.structs.replace(
        document,
        rules=list(rules),
        blocks=blocks,
        placements=placements,
        segments=_replaced(document.segments, drafts.segments),
        caps=_replaced(document.caps, drafts.caps),
    )


def _replaced(old: Iterable[Doc], new: Iterable[Doc]) -> list[Doc]:
    """The one list with what the other says instead, by key."""
    found = {one.key: one for one in old}  # type: ignore[attr-defined]  # every document has one
    found |= {one.key: one for one in new}  # type: ignore[attr-defined]  # as above
    return list(found.values())
