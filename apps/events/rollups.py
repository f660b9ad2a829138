"""Closing of days, marks, and forgetting: what keeps rollups exact while events change.

What is counted, and the statements that count, belong to the segments; see
`apps.segments.rollups`. Whoever fills or repairs holds the lock of the site's row (`lock`).
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.profiles.holders import Division, PersonalDataHolder
from apps.work.writers import LONGEST_S, wait_for_older

logger = logging.getLogger(__name__)

# The key of a transaction's advisory lock: rows about profiles are being filled in.
_FILLING = 0x726F6C6C


def begin_closing(site_id: UUID, until: datetime) -> bool:
    """Have events before `until` (a midnight, UTC) marked from now on; False if it is not certain.

    When it returns True, every event before `until` that has no mark is visible to whoever looks.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_rollupsite (site_id, closing_at) VALUES (%s, %s)"
            " ON CONFLICT (site_id) DO UPDATE SET closing_at = excluded.closing_at"
            " WHERE events_rollupsite.closing_at < excluded.closing_at",
            [str(site_id), until],
        )
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (own,) = cursor.fetchone()
    if not is_outermost or wait_for_older(own, LONGEST_S):
        return True
    logger.warning("events.rollup_waits", extra={"waited_s": LONGEST_S})
    return False


def lock(site_id: UUID) -> datetime | None:
    """Lock a site's rollups for filling, to the end of the transaction; return `closed_at`.

    None for no day. Take it before the first look at events: each later statement then sees what
    was committed before it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_FILLING])
        cursor.execute(
            "SELECT nullif(closed_at, '-infinity') FROM events_rollupsite"
            " WHERE site_id = %s FOR UPDATE",
            [str(site_id)],
        )
        row = cursor.fetchone()
    found: datetime | None = row[0] if row else None
    return found


def take_marks(site_id: UUID) -> list[UUID]:
    """Delete the marks there are and return whose they were: to be counted anew by the caller.

    The caller holds the lock, and counts in a later statement: so what was marked is visible.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM events_rollupmark WHERE site_id = %s AND NOT is_lasting"
            " RETURNING profile_id) SELECT DISTINCT profile_id FROM gone",
            [str(site_id)],
        )
        return [profile_id for (profile_id,) in cursor.fetchall()]


def has_marks(site_id: UUID) -> bool:
    """Whether some profile waits to be counted anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM events_rollupmark WHERE site_id = %s AND NOT is_lasting)",
            [str(site_id)],
        )
        return bool(cursor.fetchone()[0])


# What is kept about a person

_TABLES = ("events_rollup", "events_rollupspan", "events_rollupmark")


def _forget(profile_id: UUID) -> int:
    """Delete what was counted. A fill under way may write some of it again, from what it had read.

    So the marks stay then: the next repair finds them, and nobody relies on the rows meanwhile.
    """
    count = 0
    with connection.cursor() as cursor:
        for table in _TABLES[:2]:
            cursor.execute(f"DELETE FROM {table} WHERE profile_id = %s", [str(profile_id)])
            count += cursor.rowcount
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FILLING])
        if cursor.fetchone()[0]:
            cursor.execute("DELETE FROM events_rollupmark WHERE profile_id = %s", [str(profile_id)])
            count += cursor.rowcount
    return count


def _reassign(old: UUID, new: UUID) -> int:
    # The winner's events were marked as they moved; the loser has none left to count.
    with connection.cursor() as cursor:
        count = 0
        for table in _TABLES[:2]:
            cursor.execute(f"DELETE FROM {table} WHERE profile_id = %s", [str(old)])
            count += cursor.rowcount
    return count


def _export(profile_id: UUID) -> Iterator[Any]:
    """Nothing: these are sums of the events, which are exported themselves."""
    return iter(())


def _divide(division: Division) -> int:
    """Nothing to do: both profiles were marked as events moved, and are counted anew."""
    return 0


HOLDER = PersonalDataHolder(
    name="event rollups",
    tables=_TABLES,
    reassign=_reassign,
    export=_export,
    erase=_forget,
    divide=_divide,
    stage="derived",
)
