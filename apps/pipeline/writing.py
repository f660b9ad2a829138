"""What locked persons have become, written: rows, memberships, the feed, deadlines, marks."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from apps.decisions import hot_state
from apps.decisions.hot_state import Carried, HotKey
from apps.pipeline import vaulting
from apps.pipeline.far_histories import FarHistory
from apps.pipeline.person import Person
from apps.profiles import state
from apps.segments import live
from apps.work import clock
from apps.work import services as work
from apps.work.prepared import Prepared

SEGMENT_FROZEN = "segment.frozen"

_SET_DUE = Prepared(
    "attune_set_due",
    """
INSERT INTO profiles_due (profile_id, due_at)
SELECT profile_id, timestamptz 'epoch' + due_ms * interval '1 millisecond'
FROM unnest(%s::uuid[], %s::bigint[]) AS r(profile_id, due_ms) ORDER BY profile_id
ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
""",
    ("uuid[]", "bigint[]"),
)
_CLEAR_DUE = Prepared(
    "attune_clear_due", "DELETE FROM profiles_due WHERE profile_id = ANY(%s::uuid[])", ("uuid[]",)
)
_NO_TIMERS: Mapping[UUID, int] = {}


def write(persons: Iterable[Person], now_ms: int, *, carried: Sequence[Carried] = ()) -> None:
    """Evaluate and write what the locked persons have become; mark their hot state last.

    Args:
        carried: budgets of caps that become somebody else's with this commit.
    """
    _write(list(persons), now_ms, _NO_TIMERS, carried)


def write_anew(persons: Sequence[Person], now_ms: int, *, carried: Sequence[Carried] = ()) -> None:
    """Evaluate all segments of locked persons and write their rows, deadlines included.

    For whoever has changed more of them than a batch does. Hot state is told after the commit.
    """
    for person in persons:
        person.is_found_anew = True
    _write(persons, now_ms, {person.row.profile_id: now_ms for person in persons}, carried)


def _write(
    persons: Sequence[Person],
    now_ms: int,
    due: Mapping[UUID, int],
    carried: Sequence[Carried],
) -> None:
    living = [person for person in persons if person.row.merged_into is None]
    for person in living:
        person.evaluate(now_ms, due.get(person.row.profile_id))
    state.save([person.row for person in persons])
    _write_beside(persons, living, now_ms, due, carried)


def write_flipped(persons: Sequence[Person], now_ms: int, due: Mapping[UUID, int]) -> None:
    """Write what time alone has made of locked persons, who are as their rows say.

    Args:
        due: the deadlines that brought us here, in ms.
    """
    for person in persons:
        person.evaluate(now_ms, due[person.row.profile_id])
    state.save([person.row for person in persons if not person.has_only_stays])
    state.save_stays([person.row for person in persons if person.has_only_stays])
    _write_beside(persons, persons, now_ms, due)


def _write_beside(
    persons: Sequence[Person],
    living: Sequence[Person],
    now_ms: int,
    due: Mapping[UUID, int],
    carried: Sequence[Carried] = (),
) -> None:
    """Write what stands beside the rows of evaluated persons; mark their hot state last.

    Args:
        due: deadlines of theirs that are past, in ms.
    """
    vaulting.take_keys(living)
    _tell_of_frozen(living, now_ms)
    changes = [change for person in living for change in person.changes]
    if changes:
        with connection.cursor() as cursor:
            live.write_changes(cursor, changes)
    moved = [p for p in living if p.due_moved or p.row.profile_id in due]
    ahead = {p.row.profile_id: p.due_ms for p in moved if p.due_ms is not None}
    if ahead:
        _SET_DUE.fetch([state.uuid_array(ahead), "{" + ",".join(map(str, ahead.values())) + "}"])
    cleared = [person.row.profile_id for person in moved if person.due_ms is None]
    if cleared:
        _CLEAR_DUE.fetch([state.uuid_array(cleared)])
    readers = [(person.far, person.row) for person in living if person.far.has_read]
    if readers:
        transaction.on_commit(partial(_remember, readers))
    hot_state.mark(
        [
            HotKey(p.row.site_id, p.row.profile_id, p.row.consent_epoch, p.row.version)
            for p in persons
        ],
        carried,
    )


def _remember(readers: Iterable[tuple[FarHistory, state.StateRow]]) -> None:
    for far, row in readers:
        far.remember(row.version)


def _tell_of_frozen(persons: Iterable[Person], now_ms: int) -> None:
    """Say in the feed which segments are not asked any more, once for each process that stopped."""
    stopped = {id(p.definitions.guard): p for p in persons if p.definitions.guard.untold}
    for person in stopped.values():
        untold = person.definitions.guard.untold
        for key, why in untold:
            work.record_change(
                SEGMENT_FROZEN,
                site_id=person.row.site_id,
                payload={"segment": key, "why": why},
                now=clock.from_ms(now_ms),
            )
        # Not before the commit: a fold that is rolled back has told nothing.
        transaction.on_commit(untold.clear)
