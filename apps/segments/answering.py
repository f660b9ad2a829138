"""Single people asked by the live path's own evaluation, without changing anything."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from apps.access.selectors import zone_of
from apps.events import history as histories
from apps.profiles import state
from apps.segments import live
from apps.segments.live import LiveDefinitions
from apps.segments.stays import Stays, decode_stays
from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node, SegmentLeaf
from engine.conditions.scope import inline_segments, segment_keys
from engine.facts import Facts


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition with everything that it stands on.

    Attributes:
        node: its nested segments put in place.
        definitions: as the live path compiles it: they say how much history it needs.
    """

    node: Node
    definitions: LiveDefinitions


@dataclass(frozen=True, slots=True)
class Known:
    """One person as conditions see them, and the stays in their state row."""

    profile_id: UUID
    facts: Facts
    stays: Stays


def prepared(site_id: UUID, key: str, nodes: Mapping[str, Node]) -> Asked:
    """Compile the condition `nodes[key]` with those of `nodes` that it nests. One query.

    Raises:
        InvalidCondition: it contains itself.
    """
    inlined = inline_segments(SegmentLeaf(key), nodes)
    needed = sorted(segment_keys(inlined) & nodes.keys())
    rows = [(i, name, to_json(nodes[name])) for i, name in enumerate(needed)]
    whole = inline_segments(nodes[key], nodes)
    return Asked(whole, live.define(0, rows, zone_of(site_id)))


def people(
    asked: Asked, site_id: UUID, profile_ids: Collection[UUID], now_ms: int
) -> Iterator[Known]:
    """Yield those of the site that are nobody else's hull, with as much history as is needed.

    One statement for the rows, and one for each whose kept history is too short.
    """
    for row in state.read(profile_ids):
        if row.merged_into is not None or row.site_id != site_id:
            continue
        facts = live.facts_of(
            asked.definitions,
            profile_id=row.profile_id,
            unit_id=row.unit_id,
            traits=row.traits,
            history=histories.decode(row.history),
            now_ms=now_ms,
            consent=(row.granted, row.denied),
        )
        yield Known(row.profile_id, facts, decode_stays(row.memberships))
