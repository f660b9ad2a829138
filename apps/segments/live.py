"""Which segments a profile is in, answered from its state row: after an event, and at a deadline.

The caller holds the lock of the profile's state row. Definitions are kept per process and replaced
when the number of the site's live set moves. Read the number (`numbers`) AFTER taking the locks:
then no verdict of an older definition is written over a refreshed one.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.access.selectors import known_zone
from apps.consent.gates import stands
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.types import Purpose
from apps.consent.vouching import sql_vouched
from apps.profiles.state import StateRow
from apps.segments import request_reads
from apps.segments.defining import define
from apps.segments.definitions import Definition, Evaluation, LiveDefinitions, flipped_at
from apps.segments.enlisting import enlist
from apps.segments.foreseeing import CLOCKS_APART_MS, as_of, is_of_the_future
from apps.segments.kept_facts import News, facts_of, far_facts, near_facts, past_of
from apps.segments.past import LATE_MS
from apps.segments.request_reads import note as note_request_reads
from apps.segments.stays import (
    Evaluated,
    Stay,
    Stays,
    bindings_in,
    decode_section,
    decode_some,
    decode_stays,
    encode_stays,
    is_inside,
)
from apps.work.prepared import Prepared

__all__ = [
    "CLOCKS_APART_MS",
    "Change",
    "Definition",
    "Evaluated",
    "Evaluation",
    "LiveDefinitions",
    "News",
    "Stay",
    "Stays",
    "array",
    "as_of",
    "bindings_in",
    "changes_of",
    "decode_section",
    "decode_some",
    "decode_stays",
    "define",
    "encode_stays",
    "enlist",
    "facts_of",
    "far_facts",
    "is_inside",
    "is_of_the_future",
    "live_set",
    "may_be_placed",
    "near_facts",
    "note_request_reads",
    "numbers",
    "past_of",
    "traits_told_of",
    "write_changes",
]

logger = logging.getLogger(__name__)


def may_be_placed(row: StateRow, definitions: LiveDefinitions, now_ms: int) -> bool:
    """Whether somebody may be in segments at all: targeting stands for them. Pure."""
    return stands(
        row,
        Purpose.TARGETING,
        is_vouched=definitions.is_vouched,
        regime=STRICT_UNKNOWN,
        now_ms=now_ms,
    )


class Change(NamedTuple):
    """What `write_changes` records: somebody came into a segment, or left it. Times in ms.

    `is_late`: it was not known within LATE_MS of the instant at which it took place. `is_quiet`:
    nobody did anything just then: profiles were joined or parted, or a segment was defined anew.
    """

    site_id: UUID
    profile_id: UUID
    number: int
    entered: bool
    at_ms: int
    until_ms: int | None
    is_late: bool = False
    is_quiet: bool = False


def changes_of(
    site_id: UUID,
    profile_id: UUID,
    evaluation: Evaluation,
    before: Stays,
    now_ms: int,
    *,
    is_quiet: bool = False,
) -> list[Change]:
    """Return what `write_changes` records of one evaluation."""
    changes: list[Change] = []
    for number in (*evaluation.left, *evaluation.entered):
        entered = number not in evaluation.left
        at_ms = evaluation.at.get(number)
        until_ms = None
        if entered:
            _, until_ms, _, _, since_ms, *_ = evaluation.stays[number]
            at_ms = since_ms if at_ms is None else at_ms
        if at_ms is None:
            at_ms = now_ms if entered else flipped_at(before.get(number), now_ms)
        is_late = now_ms - at_ms > LATE_MS
        changes.append(
            Change(site_id, profile_id, number, entered, at_ms, until_ms, is_late, is_quiet)
        )
    return changes


# Definitions

_cached: dict[UUID, LiveDefinitions] = {}  # one entry a site

_DEFINITIONS = """
SELECT s.number, s.key, v.condition::text, v.policy::text
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE s.site_id = %s AND v.state = 'live' AND NOT s.is_archived ORDER BY s.number
"""


_NUMBERS = Prepared(
    "attune_live_numbers",
    f"""
SELECT s.id, coalesce(l.number, 0), s.time_zone, {sql_vouched("s.id")}
FROM access_site s LEFT JOIN segments_liveset l ON l.site_id = s.id WHERE s.id = ANY(%s::uuid[])
""",
    ("uuid[]",),
)


def numbers(site_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the number of each site's live set, 0 where nothing was published. One statement.

    Definitions of a site that has moved to another time zone, or vouches for others than before,
    are forgotten.
    """
    wanted = set(site_ids)
    found = dict.fromkeys(wanted, 0)
    asked = "{" + ",".join(map(str, wanted)) + "}"
    for site_id, number, zone, is_vouched in _NUMBERS.fetch([asked]):
        found[site_id] = number
        live = _cached.get(site_id)
        if live is not None and (live.site_zone, live.is_vouched) != (known_zone(zone), is_vouched):
            del _cached[site_id]
    return found


def traits_told_of(document: str | None) -> frozenset[str]:
    """The traits whose origin goes to hot state, as a live set's `request_reads` says in JSON."""
    return request_reads.traits_of(request_reads.decode(document))


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


_AROUND = f"""
SELECT s.time_zone, coalesce(l.request_reads, '{{}}')::text,
    EXISTS (SELECT FROM segments_segmentlist a WHERE a.site_id = s.id), {sql_vouched("s.id")}
FROM access_site s LEFT JOIN segments_liveset l ON l.site_id = s.id WHERE s.id = %s
"""


def _load(site_id: UUID, number: int) -> LiveDefinitions:
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, [str(site_id)])
        zone, told, has_lists, is_vouched = cursor.fetchone()
        cursor.execute(_DEFINITIONS, [str(site_id)])
        rows = [
            (segment, key, json.loads(condition), json.loads(policy))
            for segment, key, condition, policy in cursor.fetchall()
        ]
    read = request_reads.decode(told)
    shown, computed = request_reads.wanted_of(read), request_reads.computed_of(read)
    live = define(number, rows, known_zone(zone), shown, computed)
    return replace(
        live,
        has_lists=has_lists,
        is_vouched=is_vouched,
        shown_traits=request_reads.traits_of(read),
    )


# What is written

# Arrays, not a document: of these Postgres knows how long they are, and joins them accordingly.
_WRITE = """
WITH c AS (
    SELECT c.profile_id, c.entered, timestamptz 'epoch' + c.at_ms * interval '1 millisecond' AS at,
        timestamptz 'epoch' + c.until_ms * interval '1 millisecond' AS until, s.id AS segment_id,
        s.site_id, s.key, s.number, s.is_hidden
    FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::boolean[], %s::bigint[], %s::bigint[])
        AS c(site_id, profile_id, number, entered, at_ms, until_ms)
    JOIN segments_segment s ON s.site_id = c.site_id AND s.number = c.number
), closed AS (
    UPDATE segments_membership m SET left_at = greatest(c.at, m.since) FROM c
    WHERE NOT c.entered AND m.profile_id = c.profile_id AND m.segment_id = c.segment_id
        AND m.left_at IS NULL
    RETURNING c.*
), opened AS (
    INSERT INTO segments_membership
        (site_id, segment_id, version_id, profile_id, since, valid_until, source)
    SELECT c.site_id, c.segment_id, v.id, c.profile_id, c.at, c.until, 'rule'
    FROM c JOIN segments_segmentversion v ON v.segment_id = c.segment_id AND v.state = 'live'
    WHERE c.entered
    ON CONFLICT (profile_id, segment_id) WHERE left_at IS NULL DO NOTHING
    RETURNING site_id, segment_id, profile_id, since
), changed AS (
    SELECT c.site_id, c.at, 'membership.left' AS kind, c.profile_id, c.key, c.number
    FROM closed c WHERE NOT c.is_hidden
    UNION ALL
    SELECT o.site_id, o.since, 'membership.entered', o.profile_id, s.key, s.number
    FROM opened o JOIN segments_segment s ON s.id = o.segment_id WHERE NOT s.is_hidden
)
INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)
SELECT site_id, at, kind, profile_id,
    jsonb_build_object('segment', key, 'number', number) || %s::jsonb
FROM changed ORDER BY at
"""
# Planning it takes longer than a handful of changes do. The plan that is kept is for few: of more
# it has to be known how many.
_FEW = 200
_WRITE_FEW = Prepared(
    "attune_write_changes",
    _WRITE,
    ("uuid[]", "uuid[]", "int[]", "boolean[]", "bigint[]", "bigint[]", "jsonb"),
)


_TOLD = {
    (False, False): "{}",
    (True, False): '{"late": true}',
    (False, True): '{"quiet": true}',
    (True, True): '{"late": true, "quiet": true}',
}


def write_changes(cursor: CursorWrapper, changes: Sequence[Change]) -> None:
    """Open and close memberships and tell the feed; repeating it changes nothing.

    One statement, and one for what is late or quiet. A (profile, segment) may stand in `changes`
    once. Hidden segments have no line in the feed.
    """
    for (is_late, is_quiet), more in _TOLD.items():
        some = [one for one in changes if one.is_late is is_late and one.is_quiet is is_quiet]
        if some:
            columns = list(zip(*some, strict=True))[:6]
            parameters = [*map(array, columns), more]
            if len(some) <= _FEW:
                _WRITE_FEW.fetch(parameters)
            else:
                cursor.execute(_WRITE, parameters)


def array(values: Sequence[object]) -> str:
    """Return a Postgres array literal of plain values; None is NULL."""
    return "{" + ",".join("NULL" if one is None else str(one) for one in values) + "}"
