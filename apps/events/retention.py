"""Events whose time is over: whole months, rows, what waits set aside, and what was made of them.

A month goes as one table where it is over for every site, which costs next to nothing; of sites
that keep less the rows are deleted. What people's state rows and rollups say of the events that are
gone is put right afterwards, in `settle`: both are read from the events that are left.
"""

import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from django.db import OperationalError, connection, transaction

from apps.events import history, journal, partitions
from apps.profiles import services as profiles
from apps.profiles import state
from apps.work import clock

logger = logging.getLogger(__name__)

BATCH: Final = 5_000
PEOPLE: Final = 250  # whose state rows are locked at a time
TRIES: Final = 5
PAUSE_S: Final = 0.5
_LOCK_TIMEOUT: Final = "2s"  # whoever sends waits no longer for a month to go

_PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'events_event'::regclass
ORDER BY c.relname
"""
_BOUNDS = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")
_PEOPLE_BEFORE = """
SELECT profile_id FROM profiles_profilestate
WHERE site_id = %s AND profile_id > %s AND first_seen_at < %s ORDER BY profile_id LIMIT %s
"""
_MARK = """
INSERT INTO events_rollupmark (site_id, profile_id)
SELECT %s, p FROM unnest(%s::uuid[]) AS p
WHERE EXISTS (SELECT FROM events_rollupsite s WHERE s.site_id = %s)
"""
_MARK_DAYS = """
INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
SELECT s.site_id, p, '1970-01-01', s.closing_at - interval '1 day'
FROM unnest(%s::uuid[]) AS p JOIN events_featuresite s ON s.site_id = %s
"""
_COUNT = """
SELECT profile_id, count(*), min(occurred_at), max(occurred_at) FROM events_event
WHERE profile_id = ANY(%s::uuid[]) GROUP BY profile_id
"""


class Month(NamedTuple):
    """One partition. `begin` and `end` are None for the default one, which takes what is left."""

    table: str
    begin: datetime | None
    end: datetime | None


def months() -> list[Month]:
    """Return the partitions of the events, the oldest first, the default one last."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS)
        found = [_month(table, bounds) for table, bounds in cursor.fetchall()]
    return sorted(found, key=lambda month: (month.end is None, month.end))


def _month(table: str, bounds: str) -> Month:
    match = _BOUNDS.search(bounds)
    if match is None:
        return Month(table, None, None)
    begin, end = (datetime.fromisoformat(text).astimezone(UTC) for text in match.groups())
    return Month(table, begin, end)


def over(cutoff: datetime) -> list[Month]:
    """Return the months that ended before `cutoff`, that of the site which keeps events longest."""
    return [month for month in months() if month.end is not None and month.end <= cutoff]


def count_before(site_id: UUID, cutoff: datetime) -> int:
    """Count a site's events of before `cutoff`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM events_event WHERE site_id = %s AND occurred_at < %s",
            [str(site_id), cutoff],
        )
        return int(cursor.fetchone()[0])


def oldest(site_id: UUID) -> datetime | None:
    """When the oldest event of a site happened."""
    found: list[datetime] = []
    for month in months():
        if found and month.end is not None:
            continue  # months come in their order; only the default one may hold older events
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT min(occurred_at) FROM "{month.table}" WHERE site_id = %s',  # nosec B608
                [str(site_id)],
            )
            found += [at for (at,) in cursor.fetchall() if at is not None]
    return min(found, default=None)


def drop(month: Month) -> int | None:
    """Drop a month as a whole; return how many rows went, None if others held it too long.

    Whoever writes or reads events waits for it at most two seconds.
    """
    for attempt in range(TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                cursor.execute("SELECT to_regclass(%s)", [month.table])
                if cursor.fetchone() == (None,):
                    return 0  # another run was faster
                cursor.execute(f'SELECT count(*) FROM "{month.table}"')  # nosec B608
                (rows,) = cursor.fetchone()
                cursor.execute(f'DROP TABLE IF EXISTS "{month.table}"')
        except OperationalError:
            if connection.connection is None or connection.connection.closed:
                raise
            logger.info("events.month_not_dropped", extra={"table": month.table, "try": attempt})
            time.sleep(PAUSE_S)
        else:
            partitions.forget()
            return int(rows)
    return None


def delete_before(site_id: UUID, cutoff: datetime) -> int:
    """Delete a site's events of before `cutoff`, row by row, wherever they lie; return how many.

    Each batch is a transaction of its own; its people are marked to be counted anew by trigger.
    """
    total = 0
    for month in months():
        if month.begin is not None and month.begin >= cutoff:
            continue
        while deleted := _delete_batch(month.table, site_id, cutoff):
            total += deleted
    return total


def _delete_batch(table: str, site_id: UUID, cutoff: datetime) -> int:
    # Through the parent: its triggers mark whose days have changed. The table's own name prunes.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM events_event WHERE tableoid = '"{table}"'::regclass
              AND occurred_at < %s AND ctid = ANY(ARRAY(
                SELECT ctid FROM "{table}" WHERE site_id = %s AND occurred_at < %s LIMIT %s))
            """,  # nosec B608
            [cutoff, str(site_id), cutoff, BATCH],
        )
        return int(cursor.rowcount)


def settle(site_id: UUID, cutoff: datetime) -> int:
    """Have state rows and rollups forget the events of before `cutoff`; return of how many people.

    Call it once those are gone. Their segments are asked anew by the consumer, as by a timer.
    """
    total, after = 0, UUID(int=0)
    while people := _people_before(site_id, cutoff, after):
        with transaction.atomic():
            _settle(site_id, people)
        total, after = total + len(people), people[-1]
    return total


def _people_before(site_id: UUID, cutoff: datetime, after: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_BEFORE, [str(site_id), str(after), cutoff, PEOPLE])
        return [profile_id for (profile_id,) in cursor.fetchall()]


def _settle(site_id: UUID, people: list[UUID]) -> None:
    rows = state.lock(set(people))
    listed = state.uuid_array([row.profile_id for row in rows])
    with connection.cursor() as cursor:
        # The month was dropped, which no trigger sees.
        cursor.execute(_MARK, [str(site_id), listed, str(site_id)])
        cursor.execute(_MARK_DAYS, [listed, str(site_id)])
        cursor.execute(_COUNT, [listed])
        counted = {who: (count, first, last) for who, count, first, last in cursor.fetchall()}
    for row in rows:
        count, first, last = counted.get(row.profile_id, (0, None, None))
        row.event_count = count
        row.first_seen_ms = None if first is None else clock.to_ms(first)
        row.last_seen_ms = None if last is None else clock.to_ms(last)
        if row.history:
            row.history = history.UNREAD
    state.save(rows)
    profiles.look_at([row.profile_id for row in rows], now=clock.now())


def delete_set_aside(site_id: UUID, cutoff: datetime) -> int:
    """Delete batches that were set aside because they cannot be folded, and are too old."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM events_inbox WHERE site_id = %s AND part < 0 AND received_at < %s",
            [str(site_id), cutoff],
        )
        return int(cursor.rowcount)


def refused_files(cutoff: datetime) -> Iterator[Path]:
    """The files of events that the record refused for good, last written before `cutoff`."""
    for path in sorted(journal.directory().glob(f"*{journal.REFUSED}")):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < cutoff:
            yield path
