"""Writes to segments: draft, publish, archive."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access.errors import ApprovalRequired
from apps.access.selectors import needs_approval
from apps.access.services import record_audit
from apps.consent.declared import problem_of
from apps.segments.errors import (
    NoteRequired,
    SegmentInUse,
    SegmentKeyTaken,
    SegmentNotFound,
    SegmentUndeclared,
    VersionNotFound,
)
from apps.segments.freezing import Actor, add_hidden, next_number, put_in_force, request_refresh
from apps.segments.models import LiveSet, Segment, SegmentVersion
from apps.segments.publication_checks import check, clean_tags
from apps.segments.refresh import refresh_changed, refresh_site
from apps.segments.selectors import in_force, meant, segment_numbers, snapshot_documents
from apps.segments.types import usages_of
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy

__all__ = [
    "Actor",
    "archive_segment",
    "change_details",
    "change_draft",
    "create_segment",
    "ensure_hidden",
    "publish_segment",
    "refresh_changed",
    "refresh_site",
    "request_refresh",
    "request_refresh_everywhere",
    "restore_version",
    "snapshot_documents",
    "stat_ops",
]

MAX_NOTE = 2_000  # characters
LEAST_REFRESH_S = 60


@transaction.atomic
def create_segment(
    *,
    site_id: UUID,
    key: str,
    name: str,
    condition: Mapping[str, Any],
    now: datetime,
    description: str = "",
    policy: Mapping[str, Any] | None = None,
    kind: str = Segment.Kind.RULE,
    actor: Actor = None,
) -> Segment:
    """Create a segment with its first draft. Nobody is in it before it is published.

    Raises:
        InvalidCondition: the draft is no condition, or the policy none.
        SegmentKeyTaken: keys are never reused in a site.
    """
    meant(site_id, parse_condition(condition))
    parse_policy(policy or {})
    _lock(site_id)
    if key in segment_numbers(site_id):
        raise SegmentKeyTaken(key)
    segment = Segment.objects.create(
        site_id=site_id,
        number=next_number(site_id),
        key=key,
        name=name,
        description=description,
        kind=kind,
        draft=condition,
        draft_policy=dict(policy or {}),
        created_at=now,
    )
    _audit("segments.created", segment, actor, now)
    return segment


@transaction.atomic
def change_draft(
    *,
    site_id: UUID,
    segment_id: UUID,
    condition: Mapping[str, Any],
    now: datetime,
    actor: Actor,
    policy: Mapping[str, Any] | None = None,
) -> Segment:
    """Replace the draft. Who is in the segment changes with the next publication.

    Args:
        policy: how members come and go; None leaves the draft's as it is.

    Raises:
        InvalidCondition: the draft is no condition, or the policy none.
    """
    meant(site_id, parse_condition(condition))
    if policy is not None:
        parse_policy(policy)
    segment = _segment(site_id, segment_id)
    segment.draft = dict(condition)
    if policy is not None:
        segment.draft_policy = dict(policy)
    segment.save(update_fields=["draft", "draft_policy"])
    _audit("segments.draft_changed", segment, actor, now)
    return segment


@transaction.atomic
def change_details(
    *,
    site_id: UUID,
    segment_id: UUID,
    tags: Iterable[object],
    refresh_every_s: int | None,
    fallback_for_id: UUID | None,
    owner_note: str,
    actor: Actor,
    now: datetime,
) -> Segment:
    """Change what is neither condition nor policy: it holds at once, without a publication.

    Raises:
        InvalidTag: a tag is no slug, or another segment's.
        SegmentNotFound: `fallback_for_id` is not a segment of this site.
    """
    segment = _segment(site_id, segment_id)
    if fallback_for_id is not None and fallback_for_id != segment.pk:
        _segment(site_id, fallback_for_id)
    segment.tags = clean_tags(tags, segment.key)
    segment.refresh_every_s = (
        None if refresh_every_s is None else max(refresh_every_s, LEAST_REFRESH_S)
    )
    segment.fallback_for_id = None if fallback_for_id == segment.pk else fallback_for_id
    segment.owner_note = owner_note
    segment.save(update_fields=["tags", "refresh_every_s", "fallback_for", "owner_note"])
    _audit("segments.details_changed", segment, actor, now)
    return segment


@transaction.atomic
def publish_segment(
    *,
    site_id: UUID,
    segment_id: UUID,
    actor: Actor,
    now: datetime,
    note: str = "",
    is_approved: bool = False,
) -> SegmentVersion:
    """Freeze the draft as the next version and ask for its members to be found.

    The version before serves until they are. Publishing an unchanged draft returns the current
    version: editors double-click.

    Args:
        actor: None for the system, which asks nobody.
        is_approved: somebody else has looked at it, as some sites want.

    Raises:
        ApprovalRequired: this site wants that, and nobody has.
        InvalidCondition: the draft is no condition, contains itself, or is too large; or its policy
            is none.
        SegmentNotPublished: it nests a segment that is not published.
        SegmentUndeclared: it does not say what it is for.
    """
    if actor is not None and not is_approved and needs_approval(site_id):
        raise ApprovalRequired
    _lock(site_id)
    segment = _segment(site_id, segment_id)
    if problem_of(segment.purpose) is not None:
        raise SegmentUndeclared
    # What computed traits mean is frozen with the condition.
    node = meant(site_id, parse_condition(segment.draft))
    policy = parse_policy(segment.draft_policy)
    version, is_new = put_in_force(segment, node, policy, actor, now, note=note[:MAX_NOTE])
    if is_new:
        _audit("segments.published", segment, actor, now, version=version.number)
    return version


@transaction.atomic
def restore_version(
    *, site_id: UUID, segment_id: UUID, number: int, actor: Actor, note: str, now: datetime
) -> SegmentVersion:
    """Publish what an older version said as a new version. The draft stays what it was.

    Restoring what serves already returns the current version.

    Raises:
        NoteRequired: history must say why.
        VersionNotFound: the segment has no version of this number.
        InvalidCondition: the old version no longer fits: the language or its surroundings changed.
        SegmentNotPublished: it nests a segment that has been archived since.
    """
    if not note.strip():
        raise NoteRequired
    _lock(site_id)
    segment = _segment(site_id, segment_id)
    old = segment.versions.filter(number=number).first()
    if old is None:
        raise VersionNotFound(number)
    node, policy = parse_condition(old.condition), parse_policy(old.policy)
    note = note.strip()[:MAX_NOTE]
    version, is_new = put_in_force(segment, node, policy, actor, now, note=note, restored=old)
    if is_new:
        _audit(
            "segments.restored", segment, actor, now, version=version.number, restored=old.number
        )
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
    nodes, policies = in_force(site_id)
    for key, node in wanted.items():
        check(key, nodes | {key: node}, policies)
    if add_hidden(site_id, wanted, now):
        request_refresh(site_id, now=now)
    numbers = segment_numbers(site_id)
    return {key: numbers[key] for key in wanted}


def request_refresh_everywhere(*, now: datetime) -> None:
    """Ask for the same of every site that has ever published a segment."""
    for site_id in LiveSet.objects.values_list("site_id", flat=True):
        request_refresh(site_id, now=now)


def _lock(site_id: UUID) -> LiveSet:
    """One writer of a site's segments at a time: numbers, references and versions fit together."""
    return LiveSet.objects.select_for_update().get_or_create(site_id=site_id)[0]


def _segment(site_id: UUID, segment_id: UUID) -> Segment:
    try:
        return Segment.objects.select_for_update().get(site_id=site_id, pk=segment_id)
    except Segment.DoesNotExist:
        raise SegmentNotFound(segment_id) from None


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


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of segments by name, for `stats_eval`."""
    from apps.segments.domain.ops import OPS

    return OPS
