"""Trait operators that read the present instant: dates near now, anniversaries, late changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from engine.conditions.answers import NO, UNKNOWN, YES, Answer
from engine.conditions.dates import DAY_MS, anniversaries, instant_ms
from engine.conditions.nodes import Op
from engine.facts import TraitMeta

# (the trait's value, where it came from, now) -> verdict and until when it holds.
TimedTest: TypeAlias = Callable[[object, TraitMeta | None, int], Answer]


def timed(op: Op, found: object, meta: TraitMeta | None, width_ms: int, now_ms: int) -> bool | None:
    """Return the verdict at an instant: the meaning of the operators, to be read."""
    at_ms = _instant_of(op, found, meta)
    if at_ms is None:
        return None
    match op:
        case Op.WITHIN_LAST | Op.CHANGED_WITHIN:
            return now_ms - width_ms < at_ms <= now_ms
        case Op.WITHIN_NEXT:
            return now_ms < at_ms <= now_ms + width_ms
    return any(
        day <= now_ms < day + DAY_MS or now_ms < day <= now_ms + width_ms
        for day in anniversaries(at_ms, now_ms)
    )


def timed_moments(
    op: Op, found: object, meta: TraitMeta | None, width_ms: int, now_ms: int
) -> set[int]:
    """The instants after now at which `timed` may change."""
    at_ms = _instant_of(op, found, meta)
    if at_ms is None:
        return set()
    match op:
        case Op.WITHIN_LAST | Op.CHANGED_WITHIN:
            moments = {at_ms, at_ms + width_ms}
        case Op.WITHIN_NEXT:
            moments = {at_ms - width_ms, at_ms}
        case _:
            days = anniversaries(at_ms, now_ms)
            moments = {edge for day in days for edge in (day - width_ms, day, day + DAY_MS)}
    return {moment for moment in moments if moment > now_ms}


def _instant_of(op: Op, found: object, meta: TraitMeta | None) -> int | None:
    if found is None:
        return None
    if op is Op.CHANGED_WITHIN:
        return None if meta is None else meta.changed_ms
    return instant_ms(found)


def timed_test(op: Op, width_ms: int) -> TimedTest:
    """Return the operator as a closure that knows its exact next flip."""
    if op is Op.ANNIVERSARY_WITHIN:
        return _anniversary(width_ms)
    if op is Op.CHANGED_WITHIN:

        def changed(found: object, meta: TraitMeta | None, now_ms: int) -> Answer:
            if found is None or meta is None or meta.changed_ms is None:
                return UNKNOWN
            return _between(meta.changed_ms, meta.changed_ms + width_ms, now_ms)

        return changed
    before, after = (0, width_ms) if op is Op.WITHIN_LAST else (width_ms, 0)

    def within(found: object, meta: TraitMeta | None, now_ms: int) -> Answer:
        at_ms = instant_ms(found)
        return UNKNOWN if at_ms is None else _between(at_ms - before, at_ms + after, now_ms)

    return within


def _between(start_ms: int, end_ms: int, now_ms: int) -> Answer:
    """True from start until end."""
    if now_ms < start_ms:
        return False, start_ms
    return (True, end_ms) if now_ms < end_ms else NO


def _anniversary(width_ms: int) -> TimedTest:
    def anniversary(found: object, meta: TraitMeta | None, now_ms: int) -> Answer:
        born_ms = instant_ms(found)
        if born_ms is None:
            return UNKNOWN
        until: int | None = None
        # True from day - width until the day is over: stretches that may touch or overlap.
        for day in anniversaries(born_ms, now_ms):
            start, end = day - width_ms, day + DAY_MS
            if end <= now_ms:
                continue
            if until is None:
                if now_ms < start:
                    return False, start
                until = end
            elif start <= until:
                until = end
            else:
                return True, until
        return YES  # stretches that meet for nine years meet for ever

    return anniversary
