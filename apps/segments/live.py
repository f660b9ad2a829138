"""Which segments a profile is in, answered from its state row: after an event, and at a deadline.

The caller holds the lock of the profile's state row. Definitions are kept per process and replaced
when the number of the site's live set moves. Read the number (`numbers`) AFTER taking the locks:
then no verdict of an older definition is written over a refreshed one.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.events import history as histories
from apps.segments.stays import Stay, Stays, decode_stays, encode_stays, is_inside
from engine.conditions.compile import Compiled, compile_condition, forecast
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import (
    Reach,
    covers,
    event_properties,
    inline_segments,
    reach,
    reads_request,
)
from engine.errors import InvalidCondition
from engine.facts import Facts

__all__ = [
    "Change",
    "Evaluation",
    "LiveDefinitions",
    "Stay",
    "Stays",
    "changes_of",
    "decode_stays",
    "encode_stays",
    "facts_of",
    "is_inside",
    "live_set",
    "numbers",
    "write_changes",
]

logger = logging.getLogger(__name__)

# (site, profile, segment number, entered, at ms, valid until ms)
Change: TypeAlias = tuple[UUID, UUID, int, bool, int, int | None]


class Evaluation(NamedTuple):
    """The verdicts on one profile at one instant.

    Attributes:
        stays: what to keep in the state row.
        entered, left: numbers of the segments that changed since the stays before.
        due_ms: the earliest instant at which a verdict changes with no event; None for never.
    """

    stays: Stays
    entered: list[int]
    left: list[int]
    due_ms: int | None


@dataclass(frozen=True, slots=True)
class Definition:
    """One live version, its nested segments put in place."""

    number: int
    key: str
    node: Node
    compiled: Compiled


@dataclass(frozen=True, slots=True)
class LiveDefinitions:
    """Everything a site's live segments ask, compiled.

    Attributes:
        number: of the live set; moves with every publication.
        definitions: those that history and traits answer; who depends on the request is not here.
        properties: the event properties that they read.
        reach: how far back they look, together.
        broken: numbers of segments whose stored condition no longer parses. Their stays are frozen.
    """

    number: int
    definitions: tuple[Definition, ...] = ()
    properties: frozenset[str] = frozenset()
    reach: Reach = field(default_factory=Reach)
    broken: frozenset[int] = frozenset()

    def evaluate(self, facts: Facts, before: Stays, now_ms: int) -> Evaluation:
        """Answer every live segment. Pure. `facts` must reach far enough (`facts_of`)."""
        stays: Stays = {}
        entered: list[int] = []
        left: list[int] = []
        due_ms: int | None = None
        for definition in self.definitions:
            number = definition.number
            inside, until_ms, then, then_until_ms = forecast(definition.compiled, facts, now_ms)
            earlier = before.get(number)
            was_inside = earlier is not None and earlier[0]
            if inside:
                since_ms = earlier[4] if earlier is not None and was_inside else None
                if since_ms is None:
                    since_ms = _flipped_at(earlier, now_ms)
                stays[number] = (True, until_ms, then, then_until_ms, since_ms)
            elif until_ms is not None:
                stays[number] = (False, until_ms, then, then_until_ms, None)
            if inside is not was_inside:
                (entered if inside else left).append(number)
            if until_ms is not None and (due_ms is None or until_ms < due_ms):
                due_ms = until_ms
        for number in self.broken:
            if number in before:
                stays[number] = before[number]
        known = stays.keys() | {definition.number for definition in self.definitions}
        left += [n for n, stay in before.items() if n not in known and stay[0]]
        return Evaluation(stays, entered, left, due_ms)


def _flipped_at(earlier: Stay | None, now_ms: int) -> int:
    """When a change seen now took place: at its deadline if that was forecast, else now."""
    if earlier is not None and earlier[1] is not None and earlier[1] <= now_ms:
        return earlier[1]
    return now_ms


def changes_of(
    site_id: UUID, profile_id: UUID, evaluation: Evaluation, before: Stays, now_ms: int
) -> list[Change]:
    """Return what `write_changes` records of one evaluation."""
    stays = evaluation.stays
    changes: list[Change] = []
    for number in evaluation.left:
        at_ms = _flipped_at(before.get(number), now_ms)
        changes.append((site_id, profile_id, number, False, at_ms, None))
    for number in evaluation.entered:
        _, until_ms, _, _, since_ms = stays[number]
        at_ms = now_ms if since_ms is None else since_ms
        changes.append((site_id, profile_id, number, True, at_ms, until_ms))
    return changes


def facts_of(
    live: LiveDefinitions,
    *,
    profile_id: UUID,
    unit_id: str,
    traits: Mapping[str, Sequence[object]],
    history: histories.History,
    now_ms: int,
) -> Facts:
    """Return the facts of one profile, with as much history as the live segments look back on.

    No statement when the state row's newest events suffice, else one on (profile_id, occurred_at).

    Args:
        traits: as in the state row, {key: [value, observed at in ms, message id]}.
    """
    values = {key: entry[0] for key, entry in traits.items() if entry[0] is not None}
    facts = Facts(values, history.happenings, history.complete_from_ms, unit_id=unit_id)
    needed = live.reach
    if history.lacks(live.properties) or not covers(facts, needed, now_ms):
        # A session has no fixed length, so it is read like `ever`.
        is_bounded = not (needed.ever or needed.session)
        since_ms = now_ms - needed.last_ms + 1 if is_bounded else None
        loaded = histories.load(profile_id, live.properties, since_ms=since_ms, limit=None)
        facts = Facts(values, loaded.happenings, loaded.complete_from_ms, unit_id=unit_id)
    return facts


# Definitions

_cached: dict[UUID, LiveDefinitions] = {}  # one entry a site

_DEFINITIONS = """
SELECT s.number, s.key, v.condition::text
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE s.site_id = %s AND v.state = 'live' AND NOT s.is_archived ORDER BY s.number
"""


def numbers(site_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the number of each site's live set, 0 where nothing was published. One statement."""
    wanted = set(site_ids)
    found = dict.fromkeys(wanted, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT site_id, number FROM segments_liveset WHERE site_id = ANY(%s::uuid[])",
            ["{" + ",".join(map(str, wanted)) + "}"],
        )
        found.update(cursor.fetchall())
    return found


def live_set(site_id: UUID, number: int | None = None) -> LiveDefinitions:
    """Return a site's live definitions. No statement while `number` is the one in this process.

    Args:
        number: as `numbers` gave it; None asks for it.
    """
    if number is None:
        number = numbers([site_id])[site_id]
    live = _cached.get(site_id)
    if live is None or live.number != number:
        # The number was read first: definitions newer than it are only read once more.
        live = _cached[site_id] = _load(site_id, number)
    return live


def _load(site_id: UUID, number: int) -> LiveDefinitions:
    with connection.cursor() as cursor:
        cursor.execute(_DEFINITIONS, [str(site_id)])
        rows = [(n, key, json.loads(condition)) for n, key, condition in cursor.fetchall()]
    return define(number, rows)


def define(number: int, rows: Iterable[tuple[int, str, object]]) -> LiveDefinitions:
    """Compile (segment number, key, condition document) rows. Pure.

    One broken condition must not stop the others, nor empty its segment: it is reported and frozen.
    """
    nodes: dict[str, Node] = {}
    by_key: dict[str, int] = {}
    broken: set[int] = set()
    for segment, key, document in rows:
        by_key[key] = segment
        try:
            nodes[key] = parse_condition(document)
        except InvalidCondition:
            logger.exception("segments.broken", extra={"segment": key})
            broken.add(segment)
    definitions: list[Definition] = []
    for key, node in nodes.items():
        try:
            whole = inline_segments(node, nodes)
        except InvalidCondition:
            logger.exception("segments.broken", extra={"segment": key})
            broken.add(by_key[key])
            continue
        if not reads_request(whole):
            definitions.append(Definition(by_key[key], key, whole, compile_condition(whole)))
    return LiveDefinitions(
        number,
        tuple(definitions),
        frozenset().union(*(event_properties(d.node) for d in definitions)),
        _joint_reach(definitions),
        frozenset(broken),
    )


def _joint_reach(definitions: Sequence[Definition]) -> Reach:
    joint = Reach()
    for definition in definitions:
        joint |= reach(definition.node)
    return joint


# What is written

_WRITE = """
WITH c AS (
    SELECT c.profile_id, c.entered, to_timestamp(c.at_ms / 1000.0) AS at,
        to_timestamp(c.until_ms / 1000.0) AS until, s.id AS segment_id, s.site_id, s.key, s.number,
        s.is_hidden
    FROM jsonb_to_recordset(%s::jsonb) AS c(site_id uuid, profile_id uuid, number int,
        entered boolean, at_ms bigint, until_ms bigint)
    JOIN segments_segment s ON s.site_id = c.site_id AND s.number = c.number
), closed AS (
    UPDATE segments_membership m SET left_at = greatest(c.at, m.since) FROM c
    WHERE NOT c.entered AND m.profile_id = c.profile_id AND m.segment_id = c.segment_id
        AND m.left_at IS NULL
    RETURNING m.profile_id, m.segment_id
), opened AS (
    INSERT INTO segments_membership
        (site_id, segment_id, version_id, profile_id, since, valid_until, source)
    SELECT c.site_id, c.segment_id, v.id, c.profile_id, c.at, c.until, 'rule'
    FROM c JOIN segments_segmentversion v ON v.segment_id = c.segment_id AND v.state = 'live'
    WHERE c.entered
    ON CONFLICT (profile_id, segment_id) WHERE left_at IS NULL DO NOTHING
    RETURNING profile_id, segment_id
), changed AS (SELECT * FROM closed UNION ALL SELECT * FROM opened)
INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)
SELECT c.site_id, c.at, CASE WHEN c.entered THEN 'membership.entered' ELSE 'membership.left' END,
    c.profile_id, jsonb_build_object('segment', c.key, 'number', c.number)
FROM c JOIN changed USING (profile_id, segment_id) WHERE NOT c.is_hidden
ORDER BY c.at
"""


def write_changes(cursor: CursorWrapper, changes: Sequence[Change]) -> None:
    """Open and close memberships and tell the feed. One statement; repeating it changes nothing.

    A (profile, segment) may stand in `changes` once. Hidden segments have no line in the feed.
    """
    if not changes:
        return
    names = ("site_id", "profile_id", "number", "entered", "at_ms", "until_ms")
    rows = [dict(zip(names, change, strict=True)) for change in changes]
    cursor.execute(_WRITE, [json.dumps(rows, default=str)])
