"""Calls that meet are recorded together: consent is asked once, and one commit holds them all."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError

from apps.consent.tombstones import Choices
from apps.events import counters, inbox
from apps.events.collect import Call, choosing_of, record_call, unplanned_of, unsignalled
from apps.events.inbox import Coming
from apps.events.partitions import ensure_partitions_for
from apps.events.permission import choices_for, permit
from apps.events.returning import erased_of, may_return
from apps.events.types import Accepted, Receipt

logger = logging.getLogger(__name__)

T = TypeVar("T")
Outcome = Receipt | Exception


class _Permitted(NamedTuple):
    """A call of which nothing more needs to be asked, and those of its events that may be kept."""

    place: int
    call: Call
    kept: list[Accepted]


def record_together(calls: Sequence[Call]) -> list[Outcome]:
    """Record several calls as `collect.record` does, for less; everything is durable afterwards.

    One statement for the consent of each site, and one to store for each source. A call that needs
    more is recorded by itself, and so is each when one of them cannot be stored. Never raises: what
    recording a call alone would raise stands in its place.
    """
    return [
        recorded_alone(call) if found is None else found
        for call, found in zip(calls, record_ordinary(calls), strict=True)
    ]


def record_ordinary(calls: Sequence[Call]) -> list[Outcome | None]:
    """Record what takes no more than what calls share; None for each that is to be by itself.

    Those are: with choices of consent or refused events, of a signal or a plan that must be written
    to, and each of several of which one cannot be stored. Never raises, as `record_together`.
    """
    outcomes: dict[int, Outcome] = {}
    ordinary = [n for n, call in enumerate(calls) if not call.refused and not choosing_of(call)]
    for places in _by(ordinary, lambda n: calls[n].sender.site_id):
        try:
            _record_site(calls, places, outcomes)
        except Exception as error:  # theirs: what is stored for others has been stored
            if not isinstance(error, OperationalError | InterfaceError):
                logger.exception("intake.site_failed")
            outcomes.update({n: error for n in places if n not in outcomes})
    return [outcomes.get(n) for n in range(len(calls))]


def _record_site(calls: Sequence[Call], places: list[int], outcomes: dict[int, Outcome]) -> None:
    """Record those calls of one site; leave out of `outcomes` who must be recorded alone."""
    events = [event for n in places for event in calls[n].events]
    choices = choices_for(calls[places[0]].sender, events)
    permitted = []
    for n in places:
        kept = _kept(calls[n], choices)
        if kept is not None:
            permitted.append(_Permitted(n, calls[n], kept))
    for theirs in _by(permitted, lambda one: one.call.sender.source_id):
        try:
            receipts = _store(theirs)
        except (OperationalError, InterfaceError) as error:
            outcomes.update({one.place: error for one in theirs})
        except Exception as error:
            # One of them is to blame. Which one comes out when each is recorded by itself.
            logger.warning("intake.not_together", extra={"why": type(error).__name__})
        else:
            outcomes.update({one.place: got for one, got in zip(theirs, receipts, strict=True)})


def _kept(call: Call, choices: Choices) -> list[Accepted] | None:
    """The events of a call that may be kept; None when consent or the plan must be written to."""
    sender = call.sender
    dropped = erased_of(call.events, choices)
    if dropped and may_return(sender, dropped, call.raw_of):
        return None
    call.erased = len(dropped)
    kept = permit(sender, call.events, choices)
    if unsignalled(sender, kept, choices):
        return None
    if sender.is_plan_strict and unplanned_of(sender, kept):
        return None
    return kept


def _store(permitted: Sequence[_Permitted]) -> list[Receipt]:
    """Store what may be kept of the calls of one source."""
    sender = permitted[0].call.sender
    ensure_partitions_for(event.occurred_ms for one in permitted for event in one.kept)
    fresh = inbox.store_together(
        sender,
        [Coming(one.kept, one.call.frame.sent_ms, one.call.received_at) for one in permitted],
    )
    receipts = []
    for (_, call, kept), count in zip(permitted, fresh, strict=True):
        receipt = Receipt(count, len(kept) - count, len(call.events) - len(kept), [], call.erased)
        counters.count(sender.site_id, receipt, now=call.received_at)
        receipts.append(receipt)
    return receipts


def _by(items: Iterable[T], key: Callable[[T], UUID]) -> Iterable[list[T]]:
    groups: dict[UUID, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups.values()


def recorded_alone(call: Call) -> Outcome:
    """Record a call by itself. Never raises, as `record_together`."""
    try:
        return record_call(call, call.received_at)
    except Exception as error:
        return error
