"""Segments whose draft says something else than the version in force, for releases."""

import hashlib
import json
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from apps.segments.errors import SegmentNotFound
from apps.segments.models import Segment, SegmentVersion
from apps.segments.selectors import meaning
from apps.segments.services import publish_segment
from engine.conditions.canonical import digest
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy, policy_json
from engine.errors import InvalidCondition


class AwaitingSegment(NamedTuple):
    """One segment that publishing would change.

    Attributes:
        document: {"name", "condition", "policy"} of the draft.
        serving: the same of the version in force; None: there is none.
        digest: of `document`; `base`: of `serving`, empty without one.
        since: when `serving` was published.
    """

    segment_id: UUID
    key: str
    document: dict[str, Any]
    serving: dict[str, Any] | None
    digest: str
    base: str
    since: datetime | None


def awaiting_segments(site_id: UUID, ids: Collection[UUID] | None = None) -> list[AwaitingSegment]:
    """Return the segments that are in use and whose draft is not what is in force, by key.

    Three queries at most. A draft that is no condition is left out: its own page says why.
    """
    rows = Segment.objects.filter(
        site_id=site_id, is_hidden=False, is_archived=False, kind=Segment.Kind.RULE
    )
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    segments = list(rows.order_by("key"))
    versions = SegmentVersion.objects.filter(segment__in=segments).exclude(
        state=SegmentVersion.State.SUPERSEDED
    )
    meant = meaning(site_id)
    in_force = {one.segment_id: one for one in versions.order_by("number")}
    found = []
    for segment in segments:
        version = in_force.get(segment.pk)
        try:
            if version is not None and _meaning(segment, meant) == version.digest:
                continue
        except InvalidCondition:
            continue
        serving = None
        if version is not None:
            serving = _document(segment.name, version.condition, version.policy)
        document = _document(segment.name, segment.draft, segment.draft_policy)
        found.append(
            AwaitingSegment(
                segment.pk,
                segment.key,
                document,
                serving,
                _digest(document),
                "" if version is None else version.digest,
                None if version is None else version.published_at,
            )
        )
    return found


def publish_as_looked_at(
    *,
    site_id: UUID,
    segment_id: UUID,
    looked_at: str,
    base: str,
    actor: AbstractBaseUser | None,
    note: str,
    now: datetime,
) -> bool:
    """Publish a segment's draft if it is still the one of this digest; False when it is not.

    What is in force must still be `base`, or the draft already. Call it inside a transaction.

    Raises:
        InvalidCondition, SegmentNotPublished: as `publish_segment`.
    """
    segment = Segment.objects.select_for_update().filter(site_id=site_id, pk=segment_id).first()
    if segment is None:
        raise SegmentNotFound(segment_id)
    document = _document(segment.name, segment.draft, segment.draft_policy)
    version = (
        segment.versions.exclude(state=SegmentVersion.State.SUPERSEDED).order_by("number").last()
    )
    serving = "" if version is None else version.digest
    if _digest(document) != looked_at or serving not in {base, _meaning(segment, meaning(site_id))}:
        return False
    publish_segment(site_id=site_id, segment_id=segment_id, actor=actor, note=note, now=now,
                    is_approved=True)  # fmt: skip
    return True


def _document(name: str, condition: Any, policy: Any) -> dict[str, Any]:
    return {"name": name, "condition": condition, "policy": policy}


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _meaning(segment: Segment, meant: Callable[[Node], Node]) -> str:
    """The digest that a version of the draft would have; see `services`."""
    node = meant(parse_condition(segment.draft))
    policy = policy_json(parse_policy(segment.draft_policy))
    if not policy:
        return digest(node)
    text = json.dumps(policy, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{digest(node)}{text}".encode()).hexdigest()
