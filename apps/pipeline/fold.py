"""One micro-batch through everything, in one transaction: the only writer of what events change.

Lock order, the same for every writer: inbox parts (skipping locked ones) -> identities inserted
sorted -> state rows in id order -> identities re-read. A deadlock or a moved identity starts the
whole fold again; a kill at any point leaves the inbox as it was.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import (
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from apps.consent.types import Purpose
from apps.decisions import hot_state
from apps.decisions.cap_counts import added, showing_of
from apps.decisions.hot_state import Carried, HotKey, Told
from apps.events import fold as event_fold
from apps.events.fold import Placed, Spoilt
from apps.events.types import FLAG_CAPS_ONLY
from apps.pipeline.people import People
from apps.pipeline.person import LIST, MEMBER_OF, Person
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.identities import IdentityMoved
from apps.profiles.services import TraitWrite
from apps.segments import live
from apps.work import clock
from apps.work import services as work

logger = logging.getLogger(__name__)

MAX_TRIES = 8
# Of one process. More than that many at once are a fault of ours or of the database: stop and tell.
MAX_SET_ASIDE = 10
SEGMENT_FROZEN = "segment.frozen"
_ANALYTICS = int(Purpose.ANALYTICS)  # a plain number: every event is asked about
_PERSONALIZATION = int(Purpose.PERSONALIZATION)
# Shorter than a mark in the hot state lives: see decisions.hot_state.
TRANSACTION_TIMEOUT_MS = 60_000
# A deadline that cannot be worked off is looked at again so much later.
POSTPONED = timedelta(hours=1)
_CANCELLED = ("57014", "25P04")  # a statement, a transaction that took too long

_SET_DUE = """
INSERT INTO profiles_due (profile_id, due_at)
SELECT profile_id, to_timestamp(due_ms / 1000.0) FROM jsonb_to_recordset(%s::jsonb)
  AS r(profile_id uuid, due_ms bigint) WHERE due_ms IS NOT NULL ORDER BY profile_id
ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
"""
_CLEAR_DUE = "DELETE FROM profiles_due WHERE profile_id = ANY(%s::uuid[])"


class Folded(NamedTuple):
    """What one fold did: batches and events taken, events dropped for want of consent."""

    batches: int
    events: int
    dropped: int


NOTHING = Folded(0, 0, 0)

_set_aside = 0


class Crowded(RuntimeError):
    """Identities kept moving under the fold: another consumer is as busy. Nothing was lost."""


def fold_once(*, now: datetime) -> Folded:
    """Fold what waits, at most about 500 events. Returns NOTHING when nothing does.

    A batch that cannot be folded is set aside, so that one sender does not stop the others. Too
    many of them are no fault of theirs, and raise.

    Raises:
        OperationalError: the database is away; nothing was lost.
        Crowded: try again.
        Exception: what keeps batches from being folded; nothing was lost.
    """
    started = time.monotonic()
    try:
        return _fold_and_tell(now, event_fold.MAX_BATCHES)
    except (OperationalError, InterfaceError) as error:
        if not _ran_out(error, started):
            raise
        connection.close()
        logger.exception("pipeline.fold_ran_out_of_time")
    except (ProgrammingError, Crowded, MemoryError):
        raise
    except Exception:
        logger.exception("pipeline.fold_failed")
    return _fold_singly(now)


def _fold_singly(now: datetime) -> Folded:
    """Find the batch that cannot be folded: each in a transaction of its own."""
    global _set_aside
    total = NOTHING
    for _ in range(event_fold.MAX_BATCHES):
        try:
            folded = _fold_and_tell(now, 1)
        except Spoilt as spoilt:
            if _set_aside >= MAX_SET_ASIDE:
                raise
            _set_aside += 1
            event_fold.set_aside(spoilt.batch_id)
            logger.exception("pipeline.batch_set_aside", extra={"batch": spoilt.batch_id})
            folded = Folded(1, 0, 0)
        if folded is NOTHING:
            break
        total = Folded(*map(sum, zip(total, folded, strict=True)))
    return total if total.batches else NOTHING


def _fold_and_tell(now: datetime, most: int) -> Folded:
    for attempt in range(MAX_TRIES):
        try:
            folded, people = _fold_batches(now, most)
        except IdentityMoved:
            continue
        except OperationalError as error:
            if _sqlstate(error) in ("40P01", "40001") and attempt < MAX_TRIES - 1:
                continue
            raise
        if people is not None:
            living = people.living()
            hot_state.publish([p.hot() for p in living], people.remembered, people.told())
        return folded
    raise Crowded("Identities kept moving under the fold.")


def _fold_batches(now: datetime, most: int) -> tuple[Folded, People | None]:
    """One transaction. With one batch at a time, what goes wrong is its own fault: `Spoilt`."""
    batches: list[event_fold.Batch] = []
    started = time.monotonic()
    try:
        with transaction.atomic():
            batches = event_fold.claim(most)
            return _fold(batches, now)
    except (OperationalError, InterfaceError) as error:
        if most == 1 and batches and _ran_out(error, started):
            connection.close()
            raise Spoilt(batches[0].id) from error
        raise
    except (ProgrammingError, MemoryError, IdentityMoved):
        raise
    except Exception as error:
        if most == 1 and batches:
            raise Spoilt(batches[0].id) from error
        raise


def fold_due(*, now: datetime, limit: int = 500) -> int:
    """Flip what changes by the passage of time: profiles whose deadline is past. Returns how many.

    Takes the same locks in the same order as a fold; rows that a fold holds are left to it. A
    profile that cannot be evaluated is left for later, so that it does not stop the others.

    Raises:
        OperationalError: the database is away; nothing was lost.
        Exception: what keeps many profiles from being evaluated.
    """
    due = _due(now, limit)
    if not due:
        return 0
    started = time.monotonic()
    try:
        return _flip(due, now)
    except (OperationalError, InterfaceError) as error:
        if not _ran_out(error, started):
            raise
        connection.close()
        logger.exception("pipeline.timers_ran_out_of_time")
    except (ProgrammingError, MemoryError):
        raise
    except Exception:
        logger.exception("pipeline.timers_failed")
    return _flip_singly(due, now)


def _flip_singly(due: Mapping[UUID, int], now: datetime) -> int:
    """Find who cannot be evaluated: each in a transaction of its own."""
    total = postponed = 0
    for profile_id, due_ms in due.items():
        started = time.monotonic()
        try:
            total += _flip({profile_id: due_ms}, now)
        except (ProgrammingError, MemoryError):
            raise
        except Exception as error:
            is_away = isinstance(error, OperationalError | InterfaceError)
            if postponed >= MAX_SET_ASIDE or (is_away and not _ran_out(error, started)):
                raise
            if is_away:
                connection.close()
            postponed += 1
            _postpone(profile_id, now + POSTPONED)
            logger.exception("pipeline.timer_postponed", extra={"profile": str(profile_id)})
    return total


def _flip(due: Mapping[UUID, int], now: datetime) -> int:
    """One transaction over profiles; `due`: their deadlines, in ms."""
    with transaction.atomic():
        _bound_transaction()
        rows = [r for r in state.lock(due.keys(), skip_locked=True) if r.merged_into is None]
        numbers = live.numbers({row.site_id for row in rows})
        persons = [Person(r, live.live_set(r.site_id, numbers[r.site_id])) for r in rows]
        _write(persons, clock.to_ms(now), due=due)
    sites = {p.row.profile_id: p.row.site_id for p in persons if p.changes}
    hot_state.publish([person.hot() for person in persons], told=Told(list(sites), (), sites))
    return len(persons)


def _postpone(profile_id: UUID, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_due SET due_at = %s WHERE profile_id = %s", [until, profile_id]
        )


def _due(now: datetime, limit: int) -> dict[UUID, int]:
    """Whose deadline is past, and the deadline in ms."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT profile_id, due_at FROM profiles_due WHERE due_at <= %s"
            " ORDER BY due_at LIMIT %s",
            [now, limit],
        )
        return {profile_id: clock.to_ms(due_at) for profile_id, due_at in cursor.fetchall()}


def _bound_transaction() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL transaction_timeout = {TRANSACTION_TIMEOUT_MS}")


def _fold(batches: Sequence[event_fold.Batch], now: datetime) -> tuple[Folded, People | None]:
    if not batches:
        return NOTHING, None
    _bound_transaction()
    arrivals = [(batch, event) for batch in batches for event in batch.body.e]
    people = People(arrivals, now=now)
    placed = [people.place(arrival) for arrival in arrivals]
    _count_showings(placed, people)
    kept = _still_allowed(placed, people)
    event_fold.insert(kept)
    event_fold.observe({(p.batch.site_id, p.event.name) for p in kept}, now=now)
    people.share()
    for profile_id, own in _by_profile(kept):
        people.persons[profile_id].take(own)
    _write_traits(people.persons.values())
    _write(people.persons.values(), clock.to_ms(now), carried=people.carried())
    return Folded(len(batches), len(kept), len(placed) - len(kept)), people


def _count_showings(placed: Sequence[Placed], people: People) -> None:
    """Count what was shown for frequency caps, also where the event itself may not be kept."""
    for one in placed:
        if one.event.type != "exposure":
            continue
        showing = showing_of(one.event.properties, one.event.occurred_ms)
        row = people.persons[one.profile_id].row
        if showing is not None and not row.denied & _PERSONALIZATION:
            row.caps = added(row.caps, [showing])


def _still_allowed(placed: Sequence[Placed], people: People) -> list[Placed]:
    """Drop what its owner has said no to: withdrawn while it waited, or on a shared device.

    Not only where the epoch has moved: intake asked whoever has the device now, but a late event
    may belong to somebody who had it before.
    """
    kept: list[Placed] = []
    for one in placed:
        row = people.persons[one.profile_id].row
        if row.denied & _ANALYTICS or one.event.flags & FLAG_CAPS_ONLY:
            continue
        one.event.purposes &= ~row.denied
        one.event.epoch = row.consent_epoch
        kept.append(one)
    return kept


def _by_profile(placed: Iterable[Placed]) -> Iterable[tuple[UUID, list[Placed]]]:
    own: dict[UUID, list[Placed]] = {}
    for one in placed:
        own.setdefault(one.profile_id, []).append(one)
    return own.items()


_NO_TIMERS: Mapping[UUID, int] = {}


def write_anew(persons: Sequence[Person], now_ms: int, *, carried: Sequence[Carried] = ()) -> None:
    """Evaluate all segments of locked persons and write their rows, deadlines included.

    For whoever has changed more of them than a batch does. Hot state is told after the commit.
    """
    due = {person.row.profile_id: now_ms for person in persons}
    _write(persons, now_ms, due=due, carried=carried)


def _write(
    persons: Iterable[Person],
    now_ms: int,
    *,
    due: Mapping[UUID, int] = _NO_TIMERS,
    carried: Sequence[Carried] = (),
) -> None:
    """Evaluate and write what the locked persons have become; mark their hot state last.

    Args:
        due: the deadlines that brought us here, in ms.
        carried: budgets of caps that become somebody else's with this commit.
    """
    persons = list(persons)
    living = [person for person in persons if person.row.merged_into is None]
    for person in living:
        person.evaluate(now_ms, due.get(person.row.profile_id))
    state.save([person.row for person in persons])
    _tell_of_frozen(living, now_ms)
    with connection.cursor() as cursor:
        live.write_changes(cursor, [change for person in living for change in person.changes])
        moved = [p for p in living if p.due_moved or p.row.profile_id in due]
        ahead = [
            {"profile_id": p.row.profile_id, "due_ms": p.due_ms}
            for p in moved
            if p.due_ms is not None
        ]
        if ahead:
            cursor.execute(_SET_DUE, [msgspec.json.encode(ahead).decode()])
        cleared = [person.row.profile_id for person in moved if person.due_ms is None]
        if cleared:
            cursor.execute(_CLEAR_DUE, [state.uuid_array(cleared)])
    hot_state.mark(
        [
            HotKey(p.row.site_id, p.row.profile_id, p.row.consent_epoch, p.row.version)
            for p in persons
        ],
        carried,
    )


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


def _write_traits(persons: Iterable[Person]) -> None:
    persons = list(persons)
    profiles.write_traits(
        [
            TraitWrite(
                profile_id=person.row.profile_id,
                key=key,
                value=value,
                source=placed.event.type,
                observed_at=clock.from_ms(placed.event.occurred_ms),
                received_at=placed.batch.received_at,
                consent_epoch=placed.event.epoch,
                message_id=placed.event.message_id,
                # Of the groups of a person none replaces another: the last write has them all.
                is_newest=key == MEMBER_OF or person.has_newest(key, placed.event),
                identity_id=placed.user_identity_id or placed.identity_id,
            )
            for person in persons
            for key, value, placed in person.trait_changes
        ]
        + [
            TraitWrite(
                profile_id=person.row.profile_id,
                key=key,
                value=person.row.traits[key][0],
                source=LIST,
                observed_at=clock.from_ms(at_ms),
                received_at=clock.from_ms(at_ms),
                consent_epoch=person.row.consent_epoch,
                message_id=LIST,
                is_newest=True,
            )
            for person in persons
            for key, at_ms in person.enlisted.items()
        ]
    )
    retold = {(p.row.profile_id, key): p for p in persons for key in p.retold}
    for (profile_id, key), since_ms in profiles.changed_at(retold.keys()).items():
        retold[profile_id, key].settle_trait(key, since_ms)


def _sqlstate(error: BaseException) -> str | None:
    return getattr(error.__cause__, "pgcode", None)


def _ran_out(error: BaseException, started: float) -> bool:
    """Was the transaction too much work, or is the database away? The server ends a connection
    that takes too long, and often that is all we see of it: so the time it took tells, too."""
    spent_ms = (time.monotonic() - started) * 1000
    return _sqlstate(error) in _CANCELLED or spent_ms >= TRANSACTION_TIMEOUT_MS
