"""Reads of segments: who is in them, how fresh they are, and what a publication freezes."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from apps.segments.models import ComputedTrait, Membership, Segment, SegmentVersion
from apps.segments.types import Freshness, Stayed
from apps.work import clock
from engine.conditions.canonical import to_json
from engine.conditions.computed import computed_keys, inline_computed, parse_computed
from engine.conditions.evaluate import truth
from engine.conditions.nodes import All, EventLeaf, Node, PercentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.policy import NO_POLICY, Policy, gates, parse_policy
from engine.conditions.scope import (
    inline_segments,
    leaves_of,
    reads_request,
    segment_keys,
    split_history,
)
from engine.errors import InvalidCondition
from engine.facts import Facts
from engine.snapshot import SegmentDoc

logger = logging.getLogger(__name__)


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


def conditions_in_force(site_id: UUID, *, with_building: bool = True) -> dict[str, Node]:
    """Return the condition of each segment's newest version by key. One query.

    One that cannot be read any more is reported and left out: it must not stop the others.

    Args:
        with_building: count versions whose first members are still being found.
    """
    return in_force(site_id, with_building=with_building)[0]


def in_force(
    site_id: UUID, *, with_building: bool = True
) -> tuple[dict[str, Node], dict[str, Policy]]:
    """Return the conditions, and the policies of those that have one, by key. One query."""
    states = [SegmentVersion.State.LIVE]
    if with_building:
        states.append(SegmentVersion.State.BUILDING)
    rows = SegmentVersion.objects.filter(
        segment__site_id=site_id, segment__is_archived=False, state__in=states
    ).order_by("segment__number", "number")
    nodes: dict[str, Node] = {}
    policies: dict[str, Policy] = {}
    for key, condition, policy in rows.values_list("segment__key", "condition", "policy"):
        try:
            nodes[key] = parse_condition(condition)
            policies[key] = parse_policy(policy)
        except InvalidCondition:
            logger.exception("segments.broken", extra={"segment": key})
            nodes.pop(key, None)
    return nodes, {key: policy for key, policy in policies.items() if policy != NO_POLICY}


def meant(site_id: UUID, node: Node) -> Node:
    """Return a condition with the site's computed traits put in place. One query if it names any.

    Raises:
        InvalidCondition: it names one that the site does not compute, or compares it wrongly.
    """
    return meaning(site_id)(node)


def meaning(site_id: UUID) -> Callable[[Node], Node]:
    """Return `meant` for many conditions of one site. One query, when the first names a trait.

    What it returns raises InvalidCondition, as `meant` does.
    """
    known: dict[str, EventLeaf] | None = None

    def meant_of(node: Node) -> Node:
        nonlocal known
        if not computed_keys(node):
            return node
        if known is None:
            rows = ComputedTrait.objects.filter(site_id=site_id).values_list("key", "definition")
            known = {key: parse_computed(document) for key, document in rows}
        return inline_computed(node, known)

    return meant_of


def computed_keys_of(site_id: UUID) -> frozenset[str]:
    """Return the keys of the site's computed traits. One query."""
    return frozenset(ComputedTrait.objects.filter(site_id=site_id).values_list("key", flat=True))


def computed_keys_read(paths: Iterable[Sequence[str]]) -> frozenset[str] | None:
    """The keys of the computed traits that value paths of templates name; None: all there are."""
    keys = set()
    for path in paths:
        match path:
            case ["traits"] | ["traits", "computed"]:
                return None
            case ["traits", "computed", key, *_]:
                keys.add(key)
    return frozenset(keys)


def gated_in_force(site_id: UUID) -> dict[str, Node]:
    """Return the conditions in force with parents and exclusive groups as parts. One query."""
    return with_gates(*in_force(site_id))


def with_gates(nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> dict[str, Node]:
    """Put what a parent or an exclusive group asks for beside the conditions that have one."""
    own = gates(nodes, policies)
    return {key: All((own[key], node)) if key in own else node for key, node in nodes.items()}


def request_segments(site_id: UUID) -> frozenset[str]:
    """Return the keys of the segments that can only be answered while a page is asked for."""
    return request_keys(gated_in_force(site_id))


def request_keys(nodes: Mapping[str, Node]) -> frozenset[str]:
    """The keys of those conditions that read the request, directly or through each other."""
    return frozenset(key for key in nodes if reads_request(inline_segments(nodes[key], nodes)))


_ENTRIES_FOR = """
SELECT l.key, bool_or(m.expires_at IS NULL), max(m.expires_at)
FROM jsonb_to_recordset(%s::jsonb) AS w(kind text, value text)
JOIN segments_listmember m ON m.kind = w.kind AND m.value = w.value AND m.removed_by_id IS NULL
JOIN segments_segmentlist l ON l.id = m.segment_list_id AND l.site_id = %s::uuid
GROUP BY l.key
"""


def entries_for(site_id: UUID, identities: Collection[tuple[str, str]]) -> dict[str, int | bool]:
    """Return the traits that uploaded lists give to a person with these identities. One statement.

    Args:
        identities: (kind, value) of all identities of one person.

    Returns `list.<key>` -> True, or the instant in ms at which the last of their entries expires.
    """
    wanted = json.dumps([{"kind": kind, "value": value} for kind, value in identities])
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES_FOR, [wanted, str(site_id)])
        return {
            f"list.{key}": True if lasts else clock.to_ms(expires_at)
            for key, lasts, expires_at in cursor.fetchall()
        }


def hidden_parts(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The history parts of request segments, by the keys of the hidden segments that keep them."""
    asking = request_keys(nodes)
    parts: dict[str, Node] = {}
    for key in asking:
        parts |= split_history(nodes[key], asking)[1]
    return parts


def snapshot_documents(site_id: UUID) -> list[SegmentDoc]:
    """Return every published segment as a publication freezes it, by number. Two queries."""
    nodes = gated_in_force(site_id)
    asking = request_keys(nodes)
    rows = Segment.objects.filter(site_id=site_id, key__in=nodes.keys()).order_by("number")
    depths: dict[str, int] = {}
    return [
        SegmentDoc(
            number=row.number,
            key=row.key,
            name=row.name,
            depth=_depth(row.key, nodes, depths),
            hidden=row.is_hidden,
            no_profile=_holds_without_profile(inline_segments(nodes[row.key], nodes)),
            request_condition=(
                to_json(split_history(nodes[row.key], asking)[0]) if row.key in asking else None
            ),
        )
        for row in rows
    ]


def hidden_conditions(site_id: UUID, keys: Collection[str]) -> dict[str, Node]:
    """Return what hidden segments ask, by key, those of earlier publications too. One query."""
    rows = Segment.objects.filter(site_id=site_id, key__in=list(keys), is_hidden=True)
    found = {}
    for key, draft in rows.values_list("key", "draft"):
        try:
            found[key] = parse_condition(draft)
        except InvalidCondition:
            continue  # of an earlier version of this code: its name says what it asked
    return found


def _depth(key: str, nodes: Mapping[str, Node], known: dict[str, int]) -> int:
    """How many segments it stands on: the deeper, the more specific. Cycles were refused before."""
    if key not in known:
        inner = segment_keys(nodes[key]) & nodes.keys()
        known[key] = max((_depth(name, nodes, known) + 1 for name in inner), default=0)
    return known[key]


def _holds_without_profile(node: Node) -> bool:
    # A share is decided by the profile's own bucket; without a profile nobody is in it yet.
    if any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(node)):
        return False
    return truth(node, Facts(), 0) is True


def freshness(site_id: UUID) -> list[Freshness]:
    """Return how each visible segment stands, by name. Four queries.

    Its members are those of the last refresh: to count millions anew would take seconds. Where
    there were none then, they are counted now.
    """
    asking = request_segments(site_id)
    versions = SegmentVersion.objects.filter(segment__site_id=site_id).exclude(
        state=SegmentVersion.State.SUPERSEDED
    )
    newest: dict[UUID, str] = {}
    live: dict[UUID, tuple[int, datetime | None]] = {}
    for pk, state, size, refreshed_at in versions.order_by("number").values_list(
        "segment_id", "state", "size", "refreshed_at"
    ):
        newest[pk] = state
        if state == SegmentVersion.State.LIVE:
            live[pk] = size or 0, refreshed_at
    came = _members_now([pk for pk, (size, _) in live.items() if not size])
    rows = Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)
    return [
        Freshness(
            key=key,
            name=name,
            state=newest.get(pk, "draft"),
            size=live[pk][0] or came.get(pk, 0) if pk in live else None,
            refreshed_at=live[pk][1] if pk in live else None,
            depends_on_request=key in asking,
        )
        for pk, key, name in rows.order_by("name").values_list("pk", "key", "name")
    ]


def _members_now(segment_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = Membership.objects.filter(segment_id__in=segment_ids, left_at=None)
    return dict(rows.order_by().values_list("segment_id").annotate(count=Count("*")))
