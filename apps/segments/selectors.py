"""Reads of segments: who is in them, how fresh they are, and what a publication freezes."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.profiles.parts import Asked, Page, asked_instant, instant
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.types import Freshness, Stayed
from engine.conditions.canonical import to_json
from engine.conditions.evaluate import truth
from engine.conditions.nodes import Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import (
    inline_segments,
    leaves_of,
    reads_request,
    segment_keys,
    split_history,
)
from engine.facts import Facts
from engine.snapshot import SegmentDoc


def segment_numbers(site_id: UUID) -> dict[str, int]:
    """Return the number of every segment of a site by key, archived ones too. One query."""
    return dict(Segment.objects.filter(site_id=site_id).values_list("key", "number"))


def members_of(segment_id: UUID) -> QuerySet[Membership]:
    """The open stays in a segment, as far as they are recorded; newest first."""
    return Membership.objects.filter(segment_id=segment_id, left_at=None).order_by("-since")


def segments_of(profile_id: UUID, at: datetime | None = None) -> list[Stayed]:
    """Return the stays of a profile that are open, or were at an instant. One query.

    Hidden segments are left out.
    """
    during = (
        Q(left_at=None) if at is None else Q(since__lte=at) & (Q(left_at=None) | Q(left_at__gt=at))
    )
    rows = Membership.objects.filter(during, profile_id=profile_id, segment__is_hidden=False)
    return [
        Stayed(
            row.segment.key,
            row.segment.name,
            row.segment.number,
            row.since,
            row.left_at,
            row.valid_until,
            row.source,
        )
        for row in rows.select_related("segment").order_by("segment__key")
    ]


def stays_part(asked: Asked) -> Page:
    """Return the segments of a profile by key, now or `?at=` an instant, for the API. One query."""
    found = segments_of(asked.profile_id, asked_instant(asked, "at"))
    stays = {stay.segment_key: stay for stay in found}
    keys = [key for key in sorted(stays) if key > asked.after]
    rows = [
        {
            "key": key,
            "enteredAt": instant(stays[key].since),
            "validUntil": instant(stays[key].valid_until),
            "source": stays[key].source,
        }
        for key in keys[: asked.limit]
    ]
    return Page(rows, keys[asked.limit - 1] if len(keys) > asked.limit else "")


def conditions_in_force(site_id: UUID, *, with_building: bool = True) -> dict[str, Node]:
    """Return the condition of each segment's newest version by key. One query.

    Args:
        with_building: count versions whose first members are still being found.
    """
    states = [SegmentVersion.State.LIVE]
    if with_building:
        states.append(SegmentVersion.State.BUILDING)
    rows = SegmentVersion.objects.filter(
        segment__site_id=site_id, segment__is_archived=False, state__in=states
    ).order_by("segment__number", "number")
    found = rows.values_list("segment__key", "condition")
    return {key: parse_condition(condition) for key, condition in found}


def request_segments(site_id: UUID) -> frozenset[str]:
    """Return the keys of the segments that can only be answered while a page is asked for."""
    return request_keys(conditions_in_force(site_id))


def request_keys(nodes: Mapping[str, Node]) -> frozenset[str]:
    """The keys of those conditions that read the request, directly or through each other."""
    return frozenset(key for key in nodes if reads_request(inline_segments(nodes[key], nodes)))


def hidden_parts(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The history parts of request segments, by the keys of the hidden segments that keep them."""
    asking = request_keys(nodes)
    parts: dict[str, Node] = {}
    for key in asking:
        parts |= split_history(nodes[key], asking)[1]
    return parts


def snapshot_documents(site_id: UUID) -> list[SegmentDoc]:
    """Return every published segment as a publication freezes it, by number. Two queries."""
    nodes = conditions_in_force(site_id)
    asking = request_keys(nodes)
    rows = Segment.objects.filter(site_id=site_id, key__in=nodes.keys()).order_by("number")
    return [
        SegmentDoc(
            number=row.number,
            key=row.key,
            name=row.name,
            depth=_depth(row.key, nodes),
            hidden=row.is_hidden,
            no_profile=_holds_without_profile(inline_segments(nodes[row.key], nodes)),
            request_condition=(
                to_json(split_history(nodes[row.key], asking)[0]) if row.key in asking else None
            ),
        )
        for row in rows
    ]


def _depth(key: str, nodes: Mapping[str, Node]) -> int:
    """How many segments it stands on: the deeper, the more specific. Cycles were refused before."""
    nested = [_depth(inner, nodes) + 1 for inner in segment_keys(nodes[key]) if inner in nodes]
    return max(nested, default=0)


def _holds_without_profile(node: Node) -> bool:
    # A share is decided by the profile's own bucket; without a profile nobody is in it yet.
    if any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(node)):
        return False
    return truth(node, Facts(), 0) is True


def freshness(site_id: UUID) -> list[Freshness]:
    """Return how each visible segment stands, by name, with its members now. Four queries."""
    members = dict(
        Membership.objects.filter(site_id=site_id, left_at=None)
        .values_list("segment_id")
        .annotate(Count("id"))
    )
    asking = request_segments(site_id)
    newest = {
        version.segment_id: version
        for version in SegmentVersion.objects.filter(segment__site_id=site_id)
        .exclude(state=SegmentVersion.State.SUPERSEDED)
        .order_by("number")
    }
    sized = {
        version.segment_id: version
        for version in newest.values()
        if version.state == SegmentVersion.State.LIVE
    }
    rows = Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)
    return [
        Freshness(
            key=row.key,
            name=row.name,
            state=newest[row.pk].state if row.pk in newest else "draft",
            size=members.get(row.pk, 0) if row.pk in sized else None,
            refreshed_at=sized[row.pk].refreshed_at if row.pk in sized else None,
            depends_on_request=row.key in asking,
        )
        for row in rows.order_by("name")
    ]
