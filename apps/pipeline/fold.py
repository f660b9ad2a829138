"""One micro-batch through everything, in one transaction: the only writer of what events change.

Lock order, the same for every writer: inbox parts (skipping locked ones) -> identities inserted
sorted -> state rows in id order -> identities re-read. A deadlock or a moved identity starts the
whole fold again; a kill at any point leaves the inbox as it was.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction

from apps.decisions import hot_state
from apps.decisions.cap_counts import added, showing_of
from apps.events import fold as event_fold
from apps.events.fold import Placed, Spoilt
from apps.events.halving import halve
from apps.experiments.selectors import Exposed, segments_then
from apps.pipeline import bounds, consent, erased, vaulting
from apps.pipeline.people import People
from apps.pipeline.person import LIST, MEMBER_OF, Person
from apps.pipeline.timers import fold_due
from apps.pipeline.writing import write
from apps.profiles import services as profiles
from apps.profiles.identities import IdentityMoved
from apps.profiles.services import TraitWrite
from apps.work import clock, prepared

__all__ = ["NOTHING", "Crowded", "Folded", "fold_due", "fold_once"]

logger = logging.getLogger(__name__)

MAX_TRIES = 8


class Folded(NamedTuple):
    """What one fold did: batches and events taken, events dropped for want of consent."""

    batches: int
    events: int
    dropped: int


NOTHING = Folded(0, 0, 0)

Claim = Callable[[], list[event_fold.Batch]]

# Batches that were set aside: since the process began, and since it last folded anything.
_set_aside = 0
_in_a_row = 0


class Crowded(RuntimeError):
    """Identities kept moving under the fold: another consumer is as busy. Nothing was lost."""


def fold_once(*, now: datetime) -> Folded:
    """Fold what waits, at most about 500 events. Returns NOTHING when nothing does.

    What cannot be folded is set aside, so that one sender does not stop the others. Too many of
    them with nothing that can be folded in between are no fault of theirs, and raise.

    Raises:
        OperationalError: the database is away; nothing was lost.
        Crowded: try again.
        Exception: what keeps batches from being folded; nothing was lost.
    """
    try:
        return _fold_and_tell(now, partial(event_fold.claim, event_fold.MAX_BATCHES))
    except Spoilt as spoilt:
        logger.exception("pipeline.fold_failed", extra={"batches": len(spoilt.batch_ids)})
        return _fold_around(spoilt, now)


def _fold_around(spoilt: Spoilt, now: datetime) -> Folded:
    """Fold halves of what cannot be folded together, and halves of a batch, until one event is
    left to blame, and set that one aside. A batch with many of them is set aside for the rest.
    """
    total = NOTHING
    origin: dict[int, int] = {}  # half of a batch -> the batch
    blamed: Counter[int] = Counter()
    waiting = [list(spoilt.batch_ids)]
    while waiting:
        batch_ids = waiting.pop()
        try:
            folded = _fold_and_tell(now, partial(event_fold.claim_these, batch_ids))
        except Spoilt as found:
            if len(batch_ids) > 1:
                waiting += reversed(_parts(batch_ids, found))
                continue
            [batch_id] = batch_ids
            whole = origin.get(batch_id, batch_id)
            is_for_the_rest = found.took_too_long or blamed[whole] >= bounds.MAX_BLAMED
            halves = [] if is_for_the_rest else halve(batch_id)
            origin.update(dict.fromkeys(halves, whole))
            waiting += [[half] for half in reversed(halves)]
            if not halves and _blame(batch_id, found, is_first=not blamed[whole]):
                blamed[whole] += 1
                total = _sum(total, Folded(1, 0, 0))
        else:
            total = _sum(total, folded)
    return total if total.batches else NOTHING


def _parts(batch_ids: list[int], spoilt: Spoilt) -> list[list[int]]:
    """What to try next of batches that cannot be folded together."""
    if len(spoilt.batch_ids) < len(batch_ids):  # known by name
        rest = [number for number in batch_ids if number not in spoilt.batch_ids]
        return [rest, list(spoilt.batch_ids)]
    if spoilt.took_too_long:  # so may each half, and every time is a minute
        return [[number] for number in batch_ids]
    middle = len(batch_ids) // 2
    return [batch_ids[:middle], batch_ids[middle:]]


def _blame(batch_id: int, spoilt: Spoilt, *, is_first: bool) -> bool:
    """Set a batch aside; the log says why, where this is called as it is caught.

    False when it is no longer there: another consumer has folded it, and nothing is wrong with it.

    Raises:
        Spoilt: nothing could be folded since the last ten of them: it is not their fault.
    """
    global _set_aside, _in_a_row
    if is_first and _in_a_row >= bounds.MAX_SET_ASIDE:
        raise spoilt
    if not event_fold.set_aside(batch_id):
        return False
    _in_a_row += is_first
    _set_aside += 1
    logger.exception("pipeline.batch_set_aside", extra={"batch": batch_id})
    return True


def _sum(one: Folded, other: Folded) -> Folded:
    return Folded(*map(sum, zip(one, other, strict=True)))


def _fold_and_tell(now: datetime, claim: Claim) -> Folded:
    global _in_a_row
    for attempt in range(MAX_TRIES):
        prepared.get_ready()
        try:
            folded, people = _fold_batches(now, claim)
        except IdentityMoved:
            continue
        except OperationalError as error:
            if bounds.sqlstate(error) in bounds.RETRIED and attempt < MAX_TRIES - 1:
                continue
            raise
        if people is not None:
            _in_a_row = 0
            living = people.living()
            hot_state.publish([p.hot() for p in living], people.remembered, people.told())
        return folded
    raise Crowded("Identities kept moving under the fold.")


def _fold_batches(now: datetime, claim: Claim) -> tuple[Folded, People | None]:
    """One transaction. What is the fault of batches is `Spoilt`, whatever it was."""
    batches: list[event_fold.Batch] = []
    started = time.monotonic()
    try:
        with transaction.atomic():
            batches = claim()
            return _fold(batches, now)
    except (OperationalError, InterfaceError) as error:
        if batches and bounds.ran_out(error, started):
            connection.close()
            raise Spoilt([batch.id for batch in batches], took_too_long=True) from error
        raise
    except (ProgrammingError, MemoryError, IdentityMoved, Spoilt):
        raise
    except Exception as error:
        if batches:
            raise Spoilt([batch.id for batch in batches]) from error
        raise


def _fold(batches: Sequence[event_fold.Batch], now: datetime) -> tuple[Folded, People | None]:
    if not batches:
        return NOTHING, None
    bounds.bound_transaction()
    arrivals = [(batch, event) for batch in batches for event in batch.body.e]
    living = erased.living(arrivals)
    erased.count(arrivals, living, now=now)
    people = People(living, now=now)
    placed = [people.place(arrival) for arrival in living]
    _count_showings(placed, people)
    rows = {profile_id: person.row for profile_id, person in people.persons.items()}
    kept = consent.still_allowed(placed, rows)
    vaulting.seal(kept, people.persons)
    _note_segments(kept)
    event_fold.insert(kept)
    event_fold.observe({(p.batch.site_id, p.event.name) for p in kept}, now=now)
    people.share()
    for profile_id, own in _by_profile(kept):
        people.persons[profile_id].take(own)
    winners = [winner for winner, _, _ in people.merged]
    vaulting.find_by_new(people.persons, people.remembered, winners)
    _write_traits(people.persons.values())
    write(people.persons.values(), clock.to_ms(now), carried=people.carried())
    return Folded(len(batches), len(kept), len(arrivals) - len(kept)), people


def _count_showings(placed: Sequence[Placed], people: People) -> None:
    """Count what was shown for frequency caps, also where the event itself may not be kept."""
    for one in placed:
        if one.event.type != "exposure":
            continue
        showing = showing_of(one.event.properties, one.event.occurred_ms)
        row = people.persons[one.profile_id].row
        if showing is not None and consent.may_count_showings(row):
            row.caps = added(row.caps, [showing])


def _note_segments(kept: Sequence[Placed]) -> None:
    """Write into exposures of experiments in which segments people were then, and the versions."""
    shown = [
        one for one in kept if one.event.type == "exposure" and "experiment" in one.event.properties
    ]
    found = segments_then(
        [
            Exposed(
                one.batch.site_id,
                one.profile_id,
                str(one.event.properties["experiment"]),
                clock.from_ms(one.event.occurred_ms),
            )
            for one in shown
        ]
    )
    for one, segments in zip(shown, found, strict=True):
        one.event.properties["segments"] = segments


def _by_profile(placed: Iterable[Placed]) -> Iterable[tuple[UUID, list[Placed]]]:
    own: dict[UUID, list[Placed]] = {}
    for one in placed:
        own.setdefault(one.profile_id, []).append(one)
    return own.items()


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
