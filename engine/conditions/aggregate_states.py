"""Aggregates of all tails of a list of events, so that a rolling window only moves its start."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

from engine.conditions.aggregates import EXACT, exact_sum
from engine.conditions.calendars import local_day
from engine.conditions.nodes import Aggregate, EventLeaf
from engine.conditions.operators import as_number, typed
from engine.facts import Happening

SCALARS = frozenset({str, int, float, bool})

# The events that an aggregate uses, as (times, states). `times` are their `at_ms`, ascending.
# `states` has one more entry: states[i] is the aggregate of times[i:]; the last one is the
# aggregate of nothing. A plain tuple, for speed.
Series: TypeAlias = tuple[Sequence[int], Sequence[object]]
Build: TypeAlias = Callable[[list[Happening], str, str], Series]  # (events, property, zone)


def _counts(events: list[Happening], of: str, zone: str) -> Series:
    return [event.at_ms for event in events], range(len(events), -1, -1)


def _sums(events: list[Happening], of: str, zone: str) -> Series:
    times, numbers = events_with_numbers(events, of)
    return times, tail_sums(numbers)


def _averages(events: list[Happening], of: str, zone: str) -> Series:
    times, numbers = events_with_numbers(events, of)
    count = len(numbers)
    means: list[object] = [
        total / (count - i) for i, total in enumerate(tail_sums(numbers)[:count])
    ]
    return times, [*means, None]


def _least(events: list[Happening], of: str, zone: str) -> Series:
    return _extremes(events, of, min)


def _greatest(events: list[Happening], of: str, zone: str) -> Series:
    return _extremes(events, of, max)


def _extremes(events: list[Happening], of: str, better: Callable[[float, float], float]) -> Series:
    times, numbers = events_with_numbers(events, of)
    states: list[object] = [None] * (len(numbers) + 1)
    best: float | None = None
    for i in range(len(numbers) - 1, -1, -1):
        best = states[i] = numbers[i] if best is None else better(best, numbers[i])
    return times, states


def _distinct(events: list[Happening], of: str, zone: str) -> Series:
    times, values = events_with_scalars(events, of)
    return times, _tail_varieties(
        [value if type(value) is str else typed(value) for value in values]
    )


def _days(events: list[Happening], of: str, zone: str) -> Series:
    days = [local_day(event.at_ms, zone) for event in events]
    return [event.at_ms for event in events], _tail_varieties(days)


def _tail_varieties(values: Sequence[Hashable]) -> list[int]:
    """How many different values each tail has."""
    states = [0] * (len(values) + 1)
    seen: set[Hashable] = set()
    for i in range(len(values) - 1, -1, -1):
        seen.add(values[i])
        states[i] = len(seen)
    return states


def _lasts(events: list[Happening], of: str, zone: str) -> Series:
    # Only the last one counts: a window holds it or holds none.
    for event in reversed(events):
        value = event.properties.get(of)
        if type(value) in SCALARS:
            return [event.at_ms], (value, None)
    return [], (None,)


def _firsts(events: list[Happening], of: str, zone: str) -> Series:
    times, values = events_with_scalars(events, of)
    return times, [*values, None]


def _commonest(events: list[Happening], of: str, zone: str) -> Series:
    times, values = events_with_scalars(events, of)
    states: list[object] = [None] * (len(values) + 1)
    counts: dict[Hashable, int] = {}
    latest: dict[Hashable, tuple[int, object]] = {}  # typed value -> (newness, as seen)
    best: Hashable = None
    for i in range(len(values) - 1, -1, -1):
        key = typed(values[i])
        counts[key] = count = counts.get(key, 0) + 1
        newness = latest.setdefault(key, (i, values[i]))[0]
        if best is None or (count, newness) > (counts[best], latest[best][0]):
            best = key
        states[i] = latest[best][1]
    return times, states


def _latest(events: list[Happening], of: str, zone: str) -> Series:
    """For recency: the time of the last event; its age is for the reader to compute."""
    if not events:
        return [], (None,)
    at_ms = events[-1].at_ms
    return [at_ms], (at_ms, None)


class Days:
    """The local days (ordinals) of a tail of events, for a streak: it depends on today."""

    __slots__ = ("days", "start")

    def __init__(self, days: list[int], start: int) -> None:
        self.days = days
        self.start = start

    def streak(self, today: int) -> int:
        """How many days in a row, up to today or yesterday."""
        wanted, length = today, 0
        days = self.days
        for i in range(len(days) - 1, self.start - 1, -1):
            day = days[i]
            if day == wanted:
                length += 1
                wanted -= 1
            elif day < wanted:
                if length or day < today - 1:
                    break
                wanted, length = day - 1, 1
        return length

    def last(self) -> int | None:
        return self.days[-1] if self.start < len(self.days) else None


def _day_lists(events: list[Happening], of: str, zone: str) -> Series:
    # Sorted: where clocks turn back over midnight, a later event may have the earlier date.
    days = sorted(local_day(event.at_ms, zone) for event in events)
    times = [event.at_ms for event in events]
    return times, [Days(days, i) for i in range(len(days) + 1)]


def events_with_scalars(events: list[Happening], of: str) -> tuple[list[int], list[object]]:
    """The times of the events that have a scalar in the property, and these."""
    times: list[int] = []
    values: list[object] = []
    for event in events:
        value = event.properties.get(of)
        if type(value) in SCALARS:
            times.append(event.at_ms)
            values.append(value)
    return times, values


def events_with_numbers(events: list[Happening], of: str) -> tuple[list[int], list[float | int]]:
    """The times of the events that have a number in the property, and these."""
    times: list[int] = []
    numbers: list[float | int] = []
    for event in events:
        number = as_number(event.properties.get(of))
        if number is not None:
            times.append(event.at_ms)
            numbers.append(number)
    return times, numbers


def tail_sums(numbers: list[float | int]) -> list[float]:
    """The exact sums of all tails, as doubles; the last one is 0 (see `aggregates.exact_sum`)."""
    sums = [0.0] * (len(numbers) + 1)
    thousandths = 0
    for i in range(len(numbers) - 1, -1, -1):
        number = numbers[i]
        if type(number) is int:
            thousandths += number * 1000
        else:
            # A double with so few digits is the only one next to that decimal, so its shortest
            # text is that decimal: whole thousandths add up without one.
            if not -1e12 < number < 1e12:
                return _tail_sums_of_texts(numbers)
            whole = round(number * 1000)
            if whole / 1000 != number:
                return _tail_sums_of_texts(numbers)
            thousandths += whole
        sums[i] = thousandths / 1000
    return sums


def _tail_sums_of_texts(numbers: list[float | int]) -> list[float]:
    if not all(isfinite(number) for number in numbers):
        return [exact_sum(numbers[i:]) for i in range(len(numbers) + 1)]
    sums = [0.0] * (len(numbers) + 1)
    total = Decimal(0)
    for i in range(len(numbers) - 1, -1, -1):
        total = EXACT.add(total, Decimal(repr(numbers[i])))
        sums[i] = float(total)
    return sums


def ratios(events: list[Happening], over: list[Happening]) -> Series:
    """Events / events of the other match, of every tail; None where that has none."""
    times = sorted([event.at_ms for event in events] + [event.at_ms for event in over])
    own = [event.at_ms for event in events]
    others = [event.at_ms for event in over]
    states: list[object] = []
    i = j = 0
    for at_ms in times:
        while i < len(own) and own[i] < at_ms:
            i += 1
        while j < len(others) and others[j] < at_ms:
            j += 1
        states.append(share(len(own) - i, len(others) - j))
    return times, [*states, None]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


STATES: dict[Aggregate, Build] = {
    Aggregate.COUNT: _counts,
    Aggregate.SUM: _sums,
    Aggregate.AVG: _averages,
    Aggregate.MIN: _least,
    Aggregate.MAX: _greatest,
    Aggregate.DISTINCT: _distinct,
    Aggregate.LAST: _lasts,
    Aggregate.FIRST: _firsts,
    Aggregate.MOST_FREQUENT: _commonest,
    Aggregate.RECENCY: _latest,
    Aggregate.DAYS_ACTIVE: _days,
    Aggregate.STREAK: _day_lists,
}


def states_of(leaf: EventLeaf) -> Build:
    """Return the function that builds the leaf's series."""
    if leaf.aggregate is not Aggregate.RATE:
        return STATES.get(leaf.aggregate, _counts)
    per_ms, length_ms = leaf.per_ms, leaf.window.ms - leaf.window.near_ms

    def rates(events: list[Happening], of: str, zone: str) -> Series:
        counts = range(len(events), -1, -1)
        return [event.at_ms for event in events], [n * per_ms / length_ms for n in counts]

    return rates
