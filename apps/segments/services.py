"""Writes to segments: draft, publish, archive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Max

from apps.access.services import record_audit
from apps.segments.errors import (
    SegmentInUse,
    SegmentKeyTaken,
    SegmentNotFound,
    SegmentNotPublished,
)
from apps.segments.models import LiveSet, Segment, SegmentVersion
from apps.segments.refresh import refresh_site
from apps.segments.selectors import (
    conditions_in_force,
    hidden_parts,
    segment_numbers,
    snapshot_documents,
)
from apps.segments.tasks import REFRESH
from apps.segments.types import usages_of
from apps.work import services as work
from engine.conditions.canonical import digest, to_json
from engine.conditions.describe import describe
from engine.conditions.nodes import Node, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import HIDDEN_PREFIX, inline_segments, leaves_of, segment_keys
from engine.errors import InvalidCondition

__all__ = [
    "archive_segment",
    "change_draft",
    "create_segment",
    "ensure_hidden",
    "publish_segment",
    "refresh_site",
    "request_refresh",
    "snapshot_documents",
]

Actor = AbstractBaseUser | None

MAX_LEAVES = 1000  # of a condition with its nested segments in place


@transaction.atomic
def create_segment(
    *,
    site_id: UUID,
    key: str,
    name: str,
    condition: Mapping[str, Any],
    now: datetime,
    description: str = "",
    actor: Actor = None,
) -> Segment:
    """Create a segment with its first draft. Nobody is in it before it is published.

    Raises:
        InvalidCondition: the draft is no condition.
        SegmentKeyTaken: keys are never reused in a site.
    """
    parse_condition(condition)
    _lock(site_id)
    if key in segment_numbers(site_id):
        raise SegmentKeyTaken(key)
    segment = Segment.objects.create(
        site_id=site_id,
        number=_next_number(site_id),
        key=key,
        name=name,
        description=description,
        draft=condition,
        created_at=now,
    )
    _audit("segments.created", segment, actor, now)
    return segment


def change_draft(
    *, site_id: UUID, segment_id: UUID, condition: Mapping[str, Any], now: datetime, actor: Actor
) -> Segment:
    """Replace the draft. Who is in the segment changes with the next publication.

    Raises:
        InvalidCondition: the draft is no condition.
    """
    parse_condition(condition)
    segment = _segment(site_id, segment_id)
    segment.draft = dict(condition)
    segment.save(update_fields=["draft"])
    _audit("segments.draft_changed", segment, actor, now)
    return segment


@transaction.atomic
def publish_segment(
    *, site_id: UUID, segment_id: UUID, actor: Actor, now: datetime
) -> SegmentVersion:
    """Freeze the draft as the next version and ask for its members to be found.

    The version before serves until they are. Publishing an unchanged draft returns the current
    version: editors double-click.

    Raises:
        InvalidCondition: the draft is no condition, contains itself, or is too large.
        SegmentNotPublished: it nests a segment that is not published.
    """
    _lock(site_id)
    segment = _segment(site_id, segment_id)
    node = parse_condition(segment.draft)
    nodes = conditions_in_force(site_id) | {segment.key: node}
    _check(segment.key, nodes)
    version, is_new = _add_version(segment, node, actor, now)
    if is_new:
        # Parts that the request cannot answer are kept by segments of their own.
        _add_hidden(site_id, hidden_parts(nodes), now)
        request_refresh(site_id, now=now)
        _audit("segments.published", segment, actor, now, version=version.number)
    return version


@transaction.atomic
def archive_segment(*, site_id: UUID, segment_id: UUID, actor: Actor, now: datetime) -> Segment:
    """Take a segment out of use; its members leave. Its key and number stay taken.

    Raises:
        SegmentInUse: something still uses it.
    """
    current = _lock(site_id)
    segment = _segment(site_id, segment_id)
    if segment.is_archived:
        return segment
    used_by = usages_of(site_id, "segment", segment.pk)
    if used_by:
        raise SegmentInUse(segment.key, used_by)
    segment.is_archived = True
    segment.save(update_fields=["is_archived"])
    segment.versions.exclude(state=SegmentVersion.State.SUPERSEDED).update(
        state=SegmentVersion.State.SUPERSEDED
    )
    current.number += 1
    current.save(update_fields=["number"])
    request_refresh(site_id, now=now)
    _audit("segments.archived", segment, actor, now)
    return segment


@transaction.atomic
def ensure_hidden(site_id: UUID, wanted: Mapping[str, Node], now: datetime) -> dict[str, int]:
    """See that a hidden segment answers each condition; return the numbers by key.

    A key is made of the condition's digest, so what is there already is right. Members of new ones
    are found by a refresh.

    Raises:
        SegmentNotPublished: a condition nests a segment that is not published.
    """
    _lock(site_id)
    nodes = conditions_in_force(site_id)
    for key, node in wanted.items():
        _check(key, nodes | {key: node})
    if _add_hidden(site_id, wanted, now):
        request_refresh(site_id, now=now)
    numbers = segment_numbers(site_id)
    return {key: numbers[key] for key in wanted}


def request_refresh(site_id: UUID, *, now: datetime) -> UUID:
    """Ask for all segments of a site to be recomputed, once the transaction has committed.

    Returns the id of the intent, which shows the progress.
    """
    return work.ask(REFRESH, key="all", site_id=site_id, now=now).pk


def _lock(site_id: UUID) -> LiveSet:
    """One writer of a site's segments at a time: numbers, references and versions fit together."""
    return LiveSet.objects.select_for_update().get_or_create(site_id=site_id)[0]


def _segment(site_id: UUID, segment_id: UUID) -> Segment:
    try:
        return Segment.objects.select_for_update().get(site_id=site_id, pk=segment_id)
    except Segment.DoesNotExist:
        raise SegmentNotFound(segment_id) from None


def _next_number(site_id: UUID) -> int:
    """Rows are archived, never deleted, so the greatest number is the last one given."""
    last = Segment.objects.filter(site_id=site_id).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1


def _check(key: str, nodes: Mapping[str, Node]) -> None:
    """Refuse a condition that nests what is not published, itself, or too much."""
    absent = sorted(segment_keys(nodes[key]) - nodes.keys())
    if absent:
        raise SegmentNotPublished(absent[0])
    whole = inline_segments(SegmentLeaf(key), nodes)
    leaves = sum(1 for _ in leaves_of(whole))
    if leaves > MAX_LEAVES:
        raise InvalidCondition(
            "where", f"expected at most {MAX_LEAVES} leaves with the nested segments, not {leaves}"
        )


def _add_version(
    segment: Segment, node: Node, actor: Actor, now: datetime
) -> tuple[SegmentVersion, bool]:
    """Return (the version of this condition, whether it is a new one)."""
    latest = segment.versions.order_by("-number").first()
    meaning = digest(node)
    is_current = latest is not None and latest.state != SegmentVersion.State.SUPERSEDED
    if latest is not None and is_current and latest.digest == meaning:
        return latest, False
    version = SegmentVersion.objects.create(
        segment=segment,
        number=latest.number + 1 if latest is not None else 1,
        condition=to_json(node),
        digest=meaning,
        published_by_id=actor.pk if actor is not None else None,
        published_at=now,
    )
    return version, True


def _add_hidden(site_id: UUID, wanted: Mapping[str, Node], now: datetime) -> int:
    """Create and publish the hidden segments that are missing; return how many."""
    present = segment_numbers(site_id)
    number = _next_number(site_id)
    missing = [(key, node) for key, node in wanted.items() if key not in present]
    for key, node in missing:
        assert key.startswith(HIDDEN_PREFIX), "only a split condition has hidden parts"
        segment = Segment.objects.create(
            site_id=site_id,
            number=number,
            key=key,
            name=describe(node)[:120],
            draft=to_json(node),
            is_hidden=True,
            created_at=now,
        )
        _add_version(segment, node, None, now)
        number += 1
    return len(missing)


def _audit(action: str, segment: Segment, actor: Actor, now: datetime, **detail: object) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=segment.site_id,
        target_kind="segments.segment",
        target_id=str(segment.pk),
        detail={"key": segment.key, **detail},
        now=now,
    )
