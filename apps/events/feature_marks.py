"""Closing of days for features, and marks of what changed in closed days.

As with rollups: `begin_closing` has events marked from then on and waits for whoever may not know;
what is counted, and the statements that count, belong to the predictions; see
`apps.predictions.days`. Whoever counts holds the lock of the site's row (`lock`).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.events import retention
from apps.profiles.holders import Division, PersonalDataHolder
from apps.work import clock
from apps.work.writers import LONGEST_S, wait_for_older

logger = logging.getLogger(__name__)

# The key of a transaction's advisory lock: rows about profiles are being counted.
_COUNTING = 0x66656174
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Marked:
    """The closed days of a profile that have changed: [from_day, to_day), numbers since 1970."""

    profile_id: UUID
    from_day: int
    to_day: int


def begin_closing(site_id: UUID, until: datetime) -> bool:
    """Have events before `until` (a midnight, UTC) marked from now on; False if it is not certain.

    When it returns True, every event before `until` that has no mark is visible to whoever looks.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_featuresite (site_id, closing_at) VALUES (%s, %s)"
            " ON CONFLICT (site_id) DO UPDATE SET closing_at = excluded.closing_at"
            " WHERE events_featuresite.closing_at < excluded.closing_at",
            [str(site_id), until],
        )
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (own,) = cursor.fetchone()
    if not is_outermost or wait_for_older(own, LONGEST_S):
        return True
    logger.warning("events.feature_days_wait", extra={"waited_s": LONGEST_S})
    return False


def lock(site_id: UUID) -> int:
    """Lock a site's days for counting, to the end of the transaction; return the first not closed.

    0 for none. Take it before the first look at events: each later statement then sees what was
    committed before it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_COUNTING])
        cursor.execute(
            "SELECT nullif(closed_at, '-infinity') FROM events_featuresite"
            " WHERE site_id = %s FOR UPDATE",
            [str(site_id)],
        )
        row = cursor.fetchone()
    return clock.to_ms(row[0]) // DAY_MS if row and row[0] else 0


def closed_day(site_id: UUID) -> int:
    """Return the first day that is not closed; 0 for none. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT closed_at FROM events_featuresite"
            " WHERE site_id = %s AND closed_at > '-infinity'",
            [str(site_id)],
        )
        row = cursor.fetchone()
    return clock.to_ms(row[0]) // DAY_MS if row else 0


def close(site_id: UUID, day: int) -> None:
    """Say that all days before this one are counted. The caller holds the lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_featuresite SET closed_at = %s WHERE site_id = %s",
            [clock.from_ms(day * DAY_MS), str(site_id)],
        )


def reopen(site_id: UUID) -> None:
    """Say that no day is counted any more. The caller holds the lock and empties what was kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_featuresite SET closed_at = '-infinity' WHERE site_id = %s",
            [str(site_id)],
        )


def first_day(site_id: UUID) -> int | None:
    """Return the day of the site's first event, None without any."""
    oldest = retention.oldest(site_id)
    return None if oldest is None else clock.to_ms(oldest) // DAY_MS


def take_marks(site_id: UUID, most: int) -> list[Marked]:
    """Delete the marks of so many profiles and return what they say: to be counted by the caller.

    The caller holds the lock, and counts in a later statement: so what was marked is visible. A
    visit may go on into the day after.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH whose AS (SELECT DISTINCT profile_id FROM events_featuremark WHERE site_id = %s"
            " ORDER BY profile_id LIMIT %s), gone AS (DELETE FROM events_featuremark m USING whose"
            " WHERE m.site_id = %s AND m.profile_id = whose.profile_id"
            " RETURNING m.profile_id, m.earliest, m.latest)"
            " SELECT profile_id, min(earliest), max(latest) FROM gone GROUP BY profile_id",
            [str(site_id), most, str(site_id)],
        )
        return [
            Marked(profile_id, _day(earliest), _day(latest) + 2)
            for profile_id, earliest, latest in cursor.fetchall()
        ]


def _day(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(days=1)


def has_marks(site_id: UUID) -> bool:
    """Whether some profile waits to be counted anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM events_featuremark WHERE site_id = %s)", [str(site_id)]
        )
        return bool(cursor.fetchone()[0])


_MARK_WORDS = """
INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
SELECT e.site_id, e.profile_id, min(e.occurred_at), max(e.occurred_at) FROM events_event e
WHERE e.site_id = %s AND e.occurred_at < %s AND (e.name = ANY(%s) OR e.category = ANY(%s))
GROUP BY e.site_id, e.profile_id
"""


def mark_whoever_did(
    site_id: UUID, names: Sequence[str], categories: Sequence[str], before: datetime
) -> int:
    """Mark who has events of these names or categories in closed days; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_WORDS, [str(site_id), before, list(names), list(categories)])
        return int(cursor.rowcount)


_MARK_ALL = """
INSERT INTO events_featuremark (site_id, profile_id, earliest, latest)
SELECT s.site_id, p, '1970-01-01', s.closing_at - interval '1 day'
FROM unnest(%s::uuid[]) AS p JOIN events_featuresite s ON s.site_id = %s
"""


def mark(site_id: UUID, profile_ids: Sequence[UUID]) -> None:
    """Mark people as a whole: something has changed that no trigger sees."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_ALL, ["{" + ",".join(map(str, profile_ids)) + "}", str(site_id)])


def is_being_counted() -> bool:
    """Whether somebody counts, who may write again what is deleted now.

    If nobody does, nobody begins before the end of this transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_COUNTING])
        return not cursor.fetchone()[0]


def _forget(profile_id: UUID) -> int:
    """Delete the marks; while somebody counts they stay, so that it is put right afterwards."""
    if is_being_counted():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_featuremark WHERE profile_id = %s", [str(profile_id)])
        return int(cursor.rowcount)


def _export(profile_id: UUID) -> Iterator[Any]:
    """Nothing: a mark says that something is to be counted again."""
    return iter(())


def _reassign(old: UUID, new: UUID) -> int:
    """Nothing to do: both were marked as the events moved."""
    return 0


def _divide(division: Division) -> int:
    """Nothing to do: see `_reassign`."""
    return 0


HOLDER = PersonalDataHolder(
    name="feature marks",
    tables=("events_featuremark",),
    reassign=_reassign,
    export=_export,
    erase=_forget,
    divide=_divide,
    stage="derived",
)
