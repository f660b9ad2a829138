"""All segments of a site recomputed in one pass: for new versions, and as a scheduled audit.

1. In one REPEATABLE READ snapshot SQL answers every segment for every profile and compares that
   with the open memberships. What differs, may change as time passes, or cannot be answered by SQL
   exactly goes on a list, beside the version that each state row had.
2. New versions go live in one short transaction: until here the old ones served.
3. The listed profiles, and those written meanwhile by someone who knew only the old versions, are
   answered by the live path under their row locks. So a row is always written by one code, from
   facts no older than the row, and a refresh that dies half-way is simply run again.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from apps.events import history as histories
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.segments import live
from apps.segments.compiler import compile_query
from apps.segments.live import Change, LiveDefinitions
from apps.segments.models import LiveSet, SegmentVersion
from apps.segments.types import Refreshed
from apps.work import clock
from engine.conditions.scope import segment_keys

logger = logging.getLogger(__name__)

BATCH = 500  # profiles under lock at once
WRITERS_TIMEOUT_S = 30.0

Clock = Callable[[], datetime]


class Progress(Protocol):
    """Told how many of how many steps are done, and what kind they are."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def no_progress(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What the snapshot held: who must be looked at is in the temporary table `segments_cut`.

    Attributes:
        definitions: compiled from `versions`, the newest of each segment.
        building: those of `versions` that are not live yet.
    """

    definitions: LiveDefinitions
    versions: tuple[UUID, ...]
    building: tuple[UUID, ...]
    profiles: int
    candidates: int


def refresh_site(
    *, site_id: UUID, read_clock: Clock = clock.now, progress: Progress = no_progress
) -> Refreshed:
    """Recompute the members of all segments of a site. Safe to run twice or beside itself.

    Args:
        read_clock: asked once a batch, because a verdict must not be older than the row it is
            written to, and a refresh may take minutes.
        progress: called after each batch.
    """
    started = time.perf_counter()
    try:
        cut = _take_cut(site_id, clock.to_ms(read_clock()))
        promoted = _promote(site_id, cut)
        settled = _Settled()
        total = cut.candidates
        for batch in _batches("SELECT profile_id FROM segments_cut WHERE is_candidate", []):
            settled.add(_settle(batch, read_clock))
            progress(settled.profiles, total, "profiles")
        if promoted:
            for batch in _batches(_OVERTAKEN, [str(site_id)]):
                settled.add(_settle(batch, read_clock))
                progress(settled.profiles, total, "profiles that changed meanwhile")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS segments_cut")
    took_ms = int((time.perf_counter() - started) * 1000)
    _record_sizes(cut, read_clock(), took_ms)
    done = Refreshed(
        cut.profiles, settled.profiles, settled.entered, settled.left, promoted, took_ms
    )
    logger.info(
        "segments.refreshed",
        extra={
            "site": site_id,
            "profiles": done.profiles,
            "evaluated": done.evaluated,
            "entered": done.entered,
            "left": done.left,
            "promoted": done.promoted,
            "ms": done.took_ms,
        },
    )
    return done


# 1. The snapshot

_VERSIONS = """
SELECT DISTINCT ON (s.number) s.number, s.key, v.condition::text, v.id, v.state,
    v.refreshed_at IS NULL AS is_new
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE s.site_id = %s AND v.state IN ('building', 'live') AND NOT s.is_archived
ORDER BY s.number, v.number DESC
"""

# A table, so that the planner knows how many there are. After a bulk load it thinks one, because
# nothing has counted yet, and joins in a time that grows with their square.
_ASKED = """
CREATE TEMPORARY TABLE segments_asked ON COMMIT DROP AS
SELECT s.profile_id AS n, s.profile_id, %(at_ms)s::bigint AS at_ms,
  timestamptz 'epoch' + (%(at_ms)s::bigint + 1) * interval '1 millisecond' AS at_end,
  s.unit_id, s.traits, s.version
FROM profiles_profilestate s WHERE s.site_id = %(site_id)s::uuid AND s.merged_into IS NULL
"""

_CUT = """
CREATE TEMPORARY TABLE segments_cut ON COMMIT PRESERVE ROWS AS
WITH pair AS (SELECT * FROM segments_asked),
recorded AS (
  SELECT m.profile_id, array_agg(g.number::int ORDER BY g.number) AS inside
  FROM segments_membership m JOIN segments_segment g ON g.id = m.segment_id
  WHERE m.site_id = %(site_id)s::uuid AND m.left_at IS NULL AND g.number <> ALL(%(broken)s::int[])
  GROUP BY m.profile_id
){ctes},
answered AS (
  SELECT p.profile_id, p.version, ({hard}) OR ({changing}) AS must_look,
    array_remove(ARRAY[{inside}]::int[], NULL) AS inside
  FROM pair p {joins}
)
SELECT a.profile_id, a.version,
  a.must_look OR a.inside <> coalesce(r.inside, '{{}}') AS is_candidate
FROM answered a LEFT JOIN recorded r USING (profile_id)
"""


def _take_cut(site_id: UUID, now_ms: int) -> Cut:
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_VERSIONS, [str(site_id)])
        rows = cursor.fetchall()
        definitions = live.define(0, [(n, key, json.loads(text)) for n, key, text, *_ in rows])
        fresh = frozenset(key for _, key, *_, is_new in rows if is_new)
        _fill(cursor, site_id, definitions, fresh, now_ms)
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE is_candidate) FROM segments_cut")
        profiles, candidates = cursor.fetchone()
    versions = tuple(version for *_, version, _, _ in rows)
    building = tuple(version for *_, version, kind, _ in rows if kind == "building")
    return Cut(definitions, versions, building, profiles, candidates)


def _fill(
    cursor: CursorWrapper,
    site_id: UUID,
    definitions: LiveDefinitions,
    fresh: frozenset[str],
    now_ms: int,
) -> None:
    asked = definitions.definitions
    # Their forecasts are not in the state rows yet, even where the verdict stays the same.
    watched = [d.node for d in asked if d.key in fresh or segment_keys(d.node) & fresh]
    query = compile_query(
        [definition.node for definition in asked],
        watched=watched,
        site_id=site_id,
        first_ms=now_ms,
        last_ms=now_ms,
    )
    inside = ", ".join(
        f"CASE WHEN {verdict} THEN {definition.number} END"
        for definition, verdict in zip(asked, query.verdicts, strict=True)
    )
    cursor.execute("DROP TABLE IF EXISTS segments_cut, segments_asked")
    cursor.execute(_ASKED, {"site_id": str(site_id), "at_ms": now_ms})
    cursor.execute("ANALYZE segments_asked")
    cursor.execute(
        _CUT.format(
            ctes="".join(f",\n{cte}" for cte in query.ctes),
            joins=query.joins,
            inside=inside,
            changing=query.changing,
            hard=query.hard,
        ),
        {
            **query.params,
            "site_id": str(site_id),
            "broken": sorted(definitions.broken),
        },
    )


# 2. Going live


def _promote(site_id: UUID, cut: Cut) -> int:
    """Make the building versions of the cut live; return how many.

    Waits until no transaction is left that may have read the old live set: what it wrote is found
    by its row versions, what it has yet to write would be missed.
    """
    if not cut.building:
        return 0
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        current, _ = LiveSet.objects.select_for_update().get_or_create(site_id=site_id)
        # A version published meanwhile has overtaken its elder, which is no longer building.
        ready = list(
            SegmentVersion.objects.filter(pk__in=cut.building, state=SegmentVersion.State.BUILDING)
        )
        for version in ready:
            others = SegmentVersion.objects.filter(segment_id=version.segment_id)
            others.filter(number__lt=version.number).exclude(
                state=SegmentVersion.State.SUPERSEDED
            ).update(state=SegmentVersion.State.SUPERSEDED)
            version.state = SegmentVersion.State.LIVE
            version.save(update_fields=["state"])
        current.number += 1
        current.save(update_fields=["number"])
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (own,) = cursor.fetchone()
    if is_outermost:
        _await_writers(own)
    return len(ready)


def _await_writers(transaction_id: int) -> None:
    deadline = time.monotonic() + WRITERS_TIMEOUT_S
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            if cursor.fetchone()[0] > transaction_id:
                return
            time.sleep(0.02)
    # The scheduled refresh finds what such a transaction may still write.
    logger.warning("segments.long_transaction", extra={"waited_s": WRITERS_TIMEOUT_S})


# 3. Profile by profile

_OVERTAKEN = """
SELECT s.profile_id FROM profiles_profilestate s LEFT JOIN segments_cut c USING (profile_id)
WHERE s.site_id = %s AND s.merged_into IS NULL AND c.is_candidate IS NOT TRUE
    AND s.version IS DISTINCT FROM c.version
"""

_SCHEDULE = """
INSERT INTO profiles_due (profile_id, due_at)
SELECT profile_id, timestamptz 'epoch' + due_ms * interval '1 millisecond'
FROM jsonb_to_recordset(%s::jsonb) AS d(profile_id uuid, due_ms bigint)
ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
WHERE profiles_due.due_at <> excluded.due_at
"""


@dataclass(slots=True)
class _Settled:
    profiles: int = 0
    entered: int = 0
    left: int = 0

    def add(self, other: "_Settled") -> None:
        self.profiles += other.profiles
        self.entered += other.entered
        self.left += other.left


def _batches(statement: str, params: Sequence[str]) -> Iterator[list[UUID]]:
    """The ids of a query in batches. Sorted, so that batches lock rows in the order of everyone."""
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} ORDER BY profile_id", params)
        ids = [profile_id for (profile_id,) in cursor.fetchall()]
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


_RECORDED = """
SELECT m.profile_id, g.number FROM segments_membership m
JOIN segments_segment g ON g.id = m.segment_id
WHERE m.profile_id = ANY(%s::uuid[]) AND m.left_at IS NULL
"""


def _settle(profile_ids: Sequence[UUID], read_clock: Clock) -> _Settled:
    """Answer profiles by the live path under their row locks, and write what has changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        rows = [row for row in state.lock(profile_ids) if row.merged_into is None]
        numbers = live.numbers({row.site_id for row in rows})
        now_ms = clock.to_ms(read_clock())
        cursor.execute(_RECORDED, [state.uuid_array([row.profile_id for row in rows])])
        recorded: dict[UUID, set[int]] = {row.profile_id: set() for row in rows}
        for profile_id, number in cursor.fetchall():
            recorded[profile_id].add(number)
        changed: list[StateRow] = []
        changes: list[Change] = []
        due: dict[UUID, int | None] = {}
        for row in rows:
            definitions = live.live_set(row.site_id, numbers[row.site_id])
            answer = _answer(row, definitions, recorded[row.profile_id], now_ms)
            due[row.profile_id] = answer.due_ms
            changes += answer.changes
            if answer.is_changed:
                changed.append(row)
        state.save(changed)
        live.write_changes(cursor, changes)
        _schedule(cursor, due)
        if changed:
            states_changing.send(sender=None, rows=changed)
            transaction.on_commit(lambda: states_changed.send(sender=None, rows=changed))
    entered = sum(change[3] for change in changes)
    return _Settled(len(rows), entered, len(changes) - entered)


class _Answer(NamedTuple):
    is_changed: bool  # the row has other stays than before
    changes: list[Change]
    due_ms: int | None


def _answer(
    row: StateRow, definitions: LiveDefinitions, recorded: set[int], now_ms: int
) -> _Answer:
    """Evaluate one profile and put its stays into the row.

    The changes are the difference from the open memberships, not from the stays before: so the
    audit also repairs a membership that somebody lost.
    """
    before = live.decode_stays(row.memberships)
    facts = live.facts_of(
        definitions,
        profile_id=row.profile_id,
        unit_id=row.unit_id,
        traits=row.traits,
        history=histories.decode(row.history),
        now_ms=now_ms,
    )
    evaluation = definitions.evaluate(facts, before, now_ms)
    inside = {number for number, stay in evaluation.stays.items() if stay[0]}
    recorded -= definitions.broken
    difference = evaluation._replace(
        entered=sorted(inside - recorded - definitions.broken), left=sorted(recorded - inside)
    )
    changes = live.changes_of(row.site_id, row.profile_id, difference, before, now_ms)
    row.memberships = live.encode_stays(evaluation.stays)
    return _Answer(evaluation.stays != before, changes, evaluation.due_ms)


def _schedule(cursor: CursorWrapper, due: dict[UUID, int | None]) -> None:
    never = [profile_id for profile_id, due_ms in due.items() if due_ms is None]
    rows = [
        {"profile_id": profile_id, "due_ms": due_ms}
        for profile_id, due_ms in due.items()
        if due_ms is not None
    ]
    if never:
        cursor.execute(
            "DELETE FROM profiles_due WHERE profile_id = ANY(%s::uuid[])",
            [state.uuid_array(never)],
        )
    if rows:
        cursor.execute(_SCHEDULE, [json.dumps(rows, default=str)])


_SIZES = """
UPDATE segments_segmentversion v SET refreshed_at = %s, refresh_ms = %s,
    size = CASE WHEN s.number = ANY(%s::int[]) THEN (
        SELECT count(*) FROM segments_membership m WHERE m.segment_id = s.id AND m.left_at IS NULL
    ) END
FROM segments_segment s
WHERE s.id = v.segment_id AND v.id = ANY(%s::uuid[]) AND v.state = 'live'
"""


def _record_sizes(cut: Cut, now: datetime, took_ms: int) -> None:
    # Who is in a segment that depends on the request is not kept, so it has no size.
    kept = [definition.number for definition in cut.definitions.definitions]
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [now, took_ms, kept, state.uuid_array(cut.versions)])
