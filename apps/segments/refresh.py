"""All segments of a site recomputed in one pass: for new versions, and as a scheduled audit.

1. In one REPEATABLE READ snapshot SQL answers every segment for every profile and compares that
   with the open memberships. What differs, may change as time passes, or cannot be answered by SQL
   exactly goes on a list, beside the version that each state row had.
2. New versions go live in one short transaction: until here the old ones served.
3. The listed profiles, and those written meanwhile by someone who knew only the old versions, are
   answered by the live path under their row locks, from the events where the row does not tell what
   SQL has found. So a row is always written by one code, from facts no older than the row, and a
   refresh that dies half-way is simply run again.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import connection, transaction

from apps.access.selectors import zone_of
from apps.profiles import state
from apps.segments import live, rollups, table_statistics
from apps.segments.live import LiveDefinitions
from apps.segments.models import LiveSet, SegmentVersion
from apps.segments.refresh_cut import Candidate, CutTable
from apps.segments.refresh_settling import Clock, Settled, batches, settle
from apps.segments.sql.rollup_rows import DAY_MS
from apps.segments.types import Refreshed
from apps.work import clock
from apps.work.writers import LONGEST_S, wait_for_older

logger = logging.getLogger(__name__)


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
    table: CutTable


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
        settled = _settle_all(cut.table.candidates(), read_clock, progress)
        if promoted:
            settled.add(_settle_all(_overtaken(site_id), read_clock, progress))
    finally:
        _drop_cut()
    done = _done(site_id, cut.profiles, settled, promoted, started)
    _record_sizes(cut, read_clock(), done.took_ms)
    return done


def refresh_changed(*, site_id: UUID, since: datetime, read_clock: Clock = clock.now) -> Refreshed:
    """Recompute the live segments of the profiles whose events came in since an instant.

    For events that were written past the live path: where SQL, which reads the events, says another
    thing than the state row, the row's history is read from the events again. Whose deadline has
    passed is looked at too, and whoever had to be counted anew. What it could miss, the refresh of
    the whole site finds.

    Args:
        since: of receipt; give it the time that a batch may have waited.
    """
    started = time.perf_counter()
    now_ms = clock.to_ms(read_clock())
    definitions = live.live_set(site_id)
    table_statistics.catch_up()
    open_from = clock.from_ms(rollups.kept(site_id).closed_day * DAY_MS)
    recounted = rollups.prepare(site_id, [d.node for d in definitions.definitions], now_ms)
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if is_outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(
                _CHANGED,
                {"site": str(site_id), "since": since, "from": open_from, "now": read_clock()},
            )
            changed = {profile_id for (profile_id,) in cursor.fetchall()} | set(recounted)
            source = rollups.kept(site_id).source(site_id, is_partial=True)
            table = CutTable(site_id, definitions, (), source, sorted(changed))
            profiles, _ = table.fill(now_ms)
        settled = _settle_all(table.candidates(), read_clock, no_progress)
    finally:
        _drop_cut()
    return _done(site_id, profiles, settled, 0, started)


# Events of days that were closed have marked who has them, so only the others are searched.
_CHANGED = """
SELECT DISTINCT e.profile_id FROM events_event e
WHERE e.site_id = %(site)s::uuid AND e.received_at >= %(since)s AND e.occurred_at >= %(from)s
UNION
SELECT m.profile_id FROM events_rollupmark m
WHERE m.site_id = %(site)s::uuid AND NOT m.is_lasting
UNION
SELECT d.profile_id FROM profiles_due d JOIN profiles_profilestate s USING (profile_id)
WHERE s.site_id = %(site)s::uuid AND d.due_at <= %(now)s
"""


def _settle_all(candidates: Sequence[Candidate], read_clock: Clock, progress: Progress) -> Settled:
    settled = Settled()
    for batch in batches(candidates):
        settled.add(settle(batch, read_clock))
        progress(settled.profiles, len(candidates), "profiles")
    return settled


def _drop_cut() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS segments_cut")


def _done(
    site_id: UUID, profiles: int, settled: Settled, promoted: int, started: float
) -> Refreshed:
    took_ms = int((time.perf_counter() - started) * 1000)
    done = Refreshed(profiles, settled.profiles, settled.entered, settled.left, promoted, took_ms)
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
SELECT DISTINCT ON (s.number) s.number, s.key, v.condition::text, v.policy::text, v.id, v.state,
    v.refreshed_at IS NULL AS is_new
FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
WHERE s.site_id = %s AND v.state IN ('building', 'live') AND NOT s.is_archived
ORDER BY s.number, v.number DESC
"""


def _take_cut(site_id: UUID, now_ms: int) -> Cut:
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [str(site_id)])
        rows = cursor.fetchall()
    nodes = [d.node for d in _defined(site_id, rows).definitions]
    table_statistics.catch_up()
    # Before the snapshot: what it makes ready is for everybody who comes after it too.
    rollups.prepare(site_id, nodes, now_ms)
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_VERSIONS, [str(site_id)])
        rows = cursor.fetchall()
        definitions = _defined(site_id, rows)
        fresh = [key for _, key, *_, is_new in rows if is_new]
        source = rollups.kept(site_id).source(site_id)
        table = CutTable(site_id, definitions, fresh, source)
        profiles, candidates = table.fill(now_ms)
    versions = tuple(version for *_, version, _, _ in rows)
    building = tuple(version for *_, version, kind, _ in rows if kind == "building")
    return Cut(definitions, versions, building, profiles, candidates, table)


# 2. Going live


def _defined(
    site_id: UUID, rows: Sequence[tuple[int, str, str, str, UUID, str, bool]]
) -> LiveDefinitions:
    documents = [
        (number, key, json.loads(condition), json.loads(policy))
        for number, key, condition, policy, *_ in rows
    ]
    return live.define(0, documents, zone_of(site_id))


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
    if is_outermost and not wait_for_older(own, LONGEST_S):
        # The scheduled refresh finds what such a transaction may still write.
        logger.warning("segments.long_transaction", extra={"waited_s": LONGEST_S})
    return len(ready)


# 3. Profile by profile

_OVERTAKEN = """
SELECT s.profile_id FROM profiles_profilestate s LEFT JOIN segments_cut c USING (profile_id)
WHERE s.site_id = %s AND s.merged_into IS NULL AND c.is_candidate IS NOT TRUE
    AND s.version IS DISTINCT FROM c.version
"""


def _overtaken(site_id: UUID) -> list[Candidate]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_OVERTAKEN} ORDER BY profile_id", [str(site_id)])
        return [Candidate(profile_id, None) for (profile_id,) in cursor.fetchall()]


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
    if zone_of(cut.table.site_id) != cut.definitions.site_zone:
        return  # the refresh that the other time zone asked for has yet to come
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [now, took_ms, kept, state.uuid_array(cut.versions)])
