"""Who a preview pretends to be, as segments see it. Everything here reads; nothing is written.

A preview of drafts may ask for segments that are not published yet: the hidden parts of new rules,
and drafts that variants are tagged with. They get a document without being stored, and nobody has
a kept membership in them: one person is asked directly.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from secrets import choice
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from apps.segments import answering, personas
from apps.segments.models import Membership, Persona, Segment, SegmentVersion
from apps.segments.previews import DRAFT, FEWEST
from apps.segments.selectors import gated_in_force, meant, snapshot_documents
from apps.segments.stays import Stay, decode_stays
from apps.work import clock
from engine.conditions.describe import describe
from engine.conditions.evaluate import truth
from engine.conditions.nodes import All, Nested, Node, PercentLeaf, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.policy import parse_policy
from engine.conditions.scope import inline_segments, leaves_of
from engine.errors import InvalidCondition
from engine.facts import Facts
from engine.snapshot import SegmentDoc

INSIDE: Final[Stay] = (True, None, None, None, 0)
DRAWN_FROM: Final = 1_000  # newest members, of whom one is drawn
_FIRST_UNSTORED: Final = 1_000_000_000  # no segment has so great a number


@dataclass(frozen=True, slots=True)
class Unpublished:
    """Segments that a draft stands on and that are not published.

    Attributes:
        documents: of these and of all that are published.
        nodes: the conditions of these alone, by key, published segments put in place.
    """

    documents: list[SegmentDoc]
    nodes: Mapping[str, Node]


def with_unpublished(
    site_id: UUID,
    hidden: Mapping[str, Node],
    tagged: Collection[int],
    published: Sequence[SegmentDoc] | None = None,
) -> Unpublished:
    """Return the segments that drafts can be previewed with. At most four queries.

    Args:
        hidden: conditions of hidden segments by key (`rules.selectors.split_conditions`).
        tagged: numbers that variants are tagged with.
        published: what is there already; None: all that the site has published.

    Raises:
        InvalidCondition: the draft of a tag is not one any more.
    """
    documents = list(snapshot_documents(site_id) if published is None else published)
    keys = {one.key for one in documents}
    numbers = {one.number for one in documents}
    missing: list[tuple[int, str, str, Node, bool]] = []
    for place, (key, node) in enumerate(sorted(hidden.items())):
        if key not in keys:
            missing.append((_FIRST_UNSTORED + place, key, describe(node)[:120], node, True))
    absent = sorted(set(tagged) - numbers)
    if absent:
        for row in Segment.objects.filter(site_id=site_id, number__in=absent, is_archived=False):
            node = meant(site_id, parse_condition(row.draft))
            missing.append((row.number, row.key, row.name, node, False))
    found: dict[str, Node] = {}
    in_force = gated_in_force(site_id) if missing else {}
    for number, key, name, node, is_hidden in missing:
        whole = found[key] = inline_segments(node, in_force)
        documents.append(
            SegmentDoc(
                number=number,
                key=key,
                name=name,
                hidden=is_hidden,
                no_profile=_holds_without_profile(whole),
            )
        )
    return Unpublished(documents, found)


def _holds_without_profile(node: Node) -> bool:
    if any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(node)):
        return False
    return truth(node, Facts(), 0) is True


def implied(site_id: UUID, keys: Iterable[str]) -> frozenset[str]:
    """Return these segments and all that whoever is in them is in by their conditions.

    A nested segment that must hold and a parent are implied; one of several that may hold is not,
    nor is a sibling of an exclusive group. One query for each level of nesting.
    """
    found: set[str] = set()
    waiting = set(keys)
    while waiting:
        found |= waiting
        rows = SegmentVersion.objects.filter(
            segment__site_id=site_id,
            segment__key__in=waiting,
            segment__is_archived=False,
            state__in=(SegmentVersion.State.LIVE, SegmentVersion.State.BUILDING),
        ).order_by("number")
        # The newest version of each is the last of its rows.
        newest = {
            key: (condition, policy)
            for key, condition, policy in rows.values_list("segment__key", "condition", "policy")
        }
        asked: set[str] = set()
        for condition, policy in newest.values():
            with suppress(InvalidCondition):  # of another version of this code: nobody is in it
                asked.update(_must_hold(parse_condition(condition)))
                parent = parse_policy(policy).parent
                asked.update(() if parent is None else (parent,))
        waiting = asked - found
    return frozenset(found)


def _must_hold(node: Node) -> Iterator[str]:
    match node:
        case SegmentLeaf(key):
            yield key
        case Nested(key, part):
            yield key
            yield from _must_hold(part)
        case All(parts):
            for part in parts:
                yield from _must_hold(part)


def stays_at(site_id: UUID, profile_id: UUID, at: datetime) -> dict[int, Stay]:
    """Return the stays of a profile that were open at an instant of the past. One query.

    A stay that has ended since then says when: until then it held.
    """
    during = Q(since__lte=at) & (Q(left_at=None) | Q(left_at__gt=at))
    rows = Membership.objects.filter(during, profile_id=profile_id, site_id=site_id)
    found: dict[int, Stay] = {}
    for number, since, left_at in rows.values_list("segment__number", "since", "left_at"):
        since_ms = clock.to_ms(since)
        if left_at is None:
            found[number] = (True, None, None, None, since_ms)
        else:
            found[number] = (True, clock.to_ms(left_at), False, None, since_ms)
    return found


def asked_of_person(
    site_id: UUID, nodes: Mapping[str, Node], profile_id: UUID, now_ms: int
) -> dict[str, bool]:
    """Say which of these conditions a person meets at an instant. About three queries each."""
    found: dict[str, bool] = {}
    for key, node in nodes.items():
        asked = answering.prepared(site_id, DRAFT, {DRAFT: node})
        for known in answering.people(asked, site_id, [profile_id], now_ms):
            found[key] = truth(asked.node, known.facts, now_ms) is True
    return found


@dataclass(frozen=True, slots=True)
class Imagined:
    """A persona at an instant.

    Attributes:
        facts: what a condition may read of them; the history laid before the instant.
        context: of their request, by dotted name.
        consents: purpose -> the answer that they have given.
        inside: keys of the segments that they are in, those of `nodes` among them.
    """

    name: str
    facts: Facts
    context: Mapping[str, Any]
    consents: Mapping[str, bool]
    inside: frozenset[str]


def persona_at(
    site_id: UUID,
    persona_id: UUID,
    at: datetime,
    zone: str,
    nodes: Mapping[str, Node],
    context: Mapping[str, Any],
    *,
    drafts: bool,
) -> Imagined | None:
    """Return an invented person at an instant; None when there is none.

    Args:
        zone: IANA name of the site's zone.
        nodes: conditions that are no published segments, by key.
        context: facts of the request by dotted name; they win over the persona's own.
        drafts: by the drafts of segments, else by what is published.
    """
    persona = Persona.objects.filter(site_id=site_id, pk=persona_id).first()
    if persona is None:
        return None
    found = personas.segments_of(
        site_id, persona_id, at, drafts=drafts, context=context, with_hidden=True
    )
    inside = {one.key for one in found if one.is_in}
    if nodes:
        asked = personas.meets(site_id, persona_id, at, nodes, drafts=drafts, context=context)
        inside |= {key for key, holds in asked.items() if holds}
    made = personas.invented(persona)
    return Imagined(
        persona.name,
        personas.facts_of(made, at, zone, context),
        made.context,
        made.consents,
        frozenset(inside),
    )


def drawn_member(site_id: UUID, key: str) -> UUID | None:
    """Return one of a segment's newest members by chance; None of fewer than FEWEST. 2 queries.

    Raises:
        InvalidCondition: the site has no such segment.
    """
    segment = Segment.objects.filter(
        site_id=site_id, key=key, is_hidden=False, is_archived=False
    ).first()
    if segment is None:
        raise InvalidCondition("segment", f"this site has no segment '{key}'")
    open_stays = Membership.objects.filter(segment_id=segment.pk, left_at=None)
    newest = (
        open_stays.order_by("profile_id")
        .reverse()
        .values_list("profile_id", flat=True)[:DRAWN_FROM]
    )
    members = list(newest)
    return choice(members) if len(members) >= FEWEST else None


def names_of(site_id: UUID, keys: Collection[str]) -> dict[str, str]:
    """Return the names of segments by key. One query."""
    rows: Any = Segment.objects.filter(site_id=site_id, key__in=keys, is_hidden=False)
    return dict(rows.values_list("key", "name"))


def stays_in(memberships: bytes) -> dict[int, Stay]:
    """Return the stays of a state row's section."""
    return dict(decode_stays(memberships))


def persona_choices(site_id: UUID) -> list[tuple[UUID, str]]:
    """Return (id, name) of the invented people of a site, by name. One query."""
    return personas.choices(site_id)
