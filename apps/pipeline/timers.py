"""What changes by the passage of time: profiles whose deadline is past, flipped in batches.

Lock order: deadlines (skipping locked ones) -> state rows in id order (skipping locked ones). A
timer waits for neither, so whoever writes both may take them in any order; of several consumers
each finds others' work taken and goes on to the next.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction

from apps.decisions import hot_state
from apps.decisions.hot_state import Told
from apps.pipeline import bounds
from apps.pipeline.people import entered_by
from apps.pipeline.person import Person
from apps.pipeline.writing import write_flipped
from apps.profiles import state
from apps.segments import live
from apps.work import clock
from apps.work.prepared import Prepared

logger = logging.getLogger(__name__)

# An event that comes in meanwhile waits for a whole batch; beyond this many, a larger one saves
# a hundredth of the work.
BATCH = 250
# A deadline that cannot be worked off is looked at again so much later.
POSTPONED = timedelta(hours=1)

_IS_ANY_DUE = Prepared(
    "attune_is_any_due",
    "SELECT EXISTS (SELECT FROM profiles_due WHERE due_at <= %s)",
    ("timestamptz",),
)
_CLAIM = """
SELECT profile_id, due_at FROM profiles_due WHERE due_at <= %s
ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_CLAIM_ONE = """
SELECT profile_id, due_at FROM profiles_due WHERE due_at <= %s AND profile_id = %s
FOR UPDATE SKIP LOCKED
"""


def fold_due(*, now: datetime, limit: int = BATCH) -> int:
    """Flip at most `limit` profiles whose deadline is past, the earliest first. Returns how many.

    Rows that somebody else holds are left to them. A profile that cannot be evaluated is left for
    later, so that it does not stop the others.

    Raises:
        OperationalError: the database is away; nothing was lost.
        Exception: what keeps many profiles from being evaluated.
    """
    if _IS_ANY_DUE.fetch_row([now]) == (False,):
        return 0
    claimed: dict[UUID, int] = {}
    started = time.monotonic()
    try:
        return _flip(_CLAIM, limit, now, claimed)
    except (OperationalError, InterfaceError) as error:
        if not bounds.ran_out(error, started):
            raise
        connection.close()
        logger.exception("pipeline.timers_ran_out_of_time")
    except (ProgrammingError, MemoryError):
        raise
    except Exception:
        logger.exception("pipeline.timers_failed")
    return _flip_singly(claimed, now)


def _flip_singly(profile_ids: Iterable[UUID], now: datetime) -> int:
    """Find who cannot be evaluated: each in a transaction of its own."""
    total = postponed = 0
    for profile_id in profile_ids:
        started = time.monotonic()
        try:
            total += _flip(_CLAIM_ONE, profile_id, now, {})
        except (ProgrammingError, MemoryError):
            raise
        except Exception as error:
            is_away = isinstance(error, OperationalError | InterfaceError)
            if postponed >= bounds.MAX_SET_ASIDE or (
                is_away and not bounds.ran_out(error, started)
            ):
                raise
            if is_away:
                connection.close()
            postponed += 1
            _postpone(profile_id, now + POSTPONED)
            logger.exception("pipeline.timer_postponed", extra={"profile": str(profile_id)})
    return total


def _flip(claim: str, which: int | UUID, now: datetime, claimed: dict[UUID, int]) -> int:
    """One transaction.

    Args:
        claim: locks deadlines; `which` is its parameter.
        claimed: filled with whose deadlines they are, and when, in ms: to be known when this fails.
    """
    with transaction.atomic():
        bounds.bound_transaction()
        with connection.cursor() as cursor:
            cursor.execute(claim, [now, which])
            claimed.update((who, clock.to_ms(due_at)) for who, due_at in cursor.fetchall())
        locked = state.lock(claimed.keys(), skip_locked=True)
        rows = [row for row in locked if row.merged_into is None]
        # Nobody else would: a deadline that comes to stay is claimed before all later ones.
        _forget([row.profile_id for row in locked if row.merged_into is not None])
        numbers = live.numbers({row.site_id for row in rows})
        persons = [Person(row, live.live_set(row.site_id, numbers[row.site_id])) for row in rows]
        write_flipped(persons, clock.to_ms(now), claimed)
    sites = {p.row.profile_id: p.row.site_id for p in persons if p.changes}
    hot_state.publish(
        [person.hot() for person in persons], told=Told(list(sites), (), sites, entered_by(persons))
    )
    return len(persons)


def _forget(profile_ids: Collection[UUID]) -> None:
    if profile_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM profiles_due WHERE profile_id = ANY(%s::uuid[])",
                [state.uuid_array(profile_ids)],
            )


def _postpone(profile_id: UUID, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_due SET due_at = %s WHERE profile_id = %s", [until, profile_id]
        )
