"""Aggregates of any stretch of a list of events, for windows that both gain and lose events."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import accumulate
from math import isfinite
from typing import NamedTuple, TypeAlias

from engine.conditions.aggregate_states import Days, events_with_numbers, events_with_scalars, share
from engine.conditions.aggregates import EXACT, exact_sum
from engine.conditions.calendars import local_day
from engine.conditions.nodes import Aggregate, EventLeaf
from engine.conditions.operators import typed
from engine.facts import Happening

# (i, j) -> the aggregate of the events from i up to, not including, j.
Stretch: TypeAlias = Callable[[int, int], object]


class Column(NamedTuple):
    """The events that an aggregate uses: their `at_ms`, ascending, and its value of any stretch."""

    times: Sequence[int]
    stretch: Stretch


def column_of(leaf: EventLeaf, events: list[Happening], zone: str) -> Column:
    """Return the column of any aggregate but ratio and trend."""
    if leaf.aggregate in _OF_NUMBERS:
        times, numbers = events_with_numbers(events, leaf.of or "")
        return Column(times, _OF_NUMBERS[leaf.aggregate](numbers))
    if leaf.aggregate in _OF_SCALARS:
        times, values = events_with_scalars(events, leaf.of or "")
        return Column(times, _OF_SCALARS[leaf.aggregate](values))
    times = [event.at_ms for event in events]
    match leaf.aggregate:
        case Aggregate.RATE:
            per_ms, length_ms = leaf.per_ms, leaf.window.ms - leaf.window.near_ms
            return Column(times, lambda i, j: (j - i) * per_ms / length_ms)
        case Aggregate.RECENCY:
            return Column(times, lambda i, j: times[j - 1] if i < j else None)
        case Aggregate.DAYS_ACTIVE:
            days = [local_day(at_ms, zone) for at_ms in times]
            return Column(times, lambda i, j: len(set(days[i:j])))
        case Aggregate.STREAK:
            days = [local_day(at_ms, zone) for at_ms in times]
            return Column(times, lambda i, j: Days(sorted(days[i:j]), 0))
    return Column(times, lambda i, j: j - i)


def ratio_of(events: list[Happening], over: list[Happening]) -> Callable[[int, int], object]:
    """(after_ms, until_ms) -> events / events of the other match in (after, until]."""
    times = [event.at_ms for event in events]
    others = [event.at_ms for event in over]

    def ratio(after_ms: int, until_ms: int) -> object:
        part, whole = (
            bisect_right(column, until_ms) - bisect_right(column, after_ms)
            for column in (times, others)
        )
        return share(part, whole)

    return ratio


def _sums(numbers: list[float | int]) -> Callable[[int, int], float]:
    if not all(isfinite(number) for number in numbers):
        return lambda i, j: exact_sum(numbers[i:j])
    if all(type(number) is int for number in numbers):
        totals = list(accumulate(numbers, initial=0))
        return lambda i, j: float(totals[j] - totals[i])
    texts = (Decimal(repr(number)) for number in numbers)
    exact = list(accumulate(texts, EXACT.add, initial=Decimal(0)))
    return lambda i, j: float(EXACT.subtract(exact[j], exact[i]))


def _averages(numbers: list[float | int]) -> Stretch:
    total = _sums(numbers)
    return lambda i, j: total(i, j) / (j - i) if i < j else None


def _least(numbers: list[float | int]) -> Stretch:
    return lambda i, j: min(numbers[i:j], default=None)


def _greatest(numbers: list[float | int]) -> Stretch:
    return lambda i, j: max(numbers[i:j], default=None)


_OF_NUMBERS: dict[Aggregate, Callable[[list[float | int]], Stretch]] = {
    Aggregate.SUM: _sums,
    Aggregate.AVG: _averages,
    Aggregate.MIN: _least,
    Aggregate.MAX: _greatest,
}


def _distinct(values: list[object]) -> Stretch:
    keys = [typed(value) for value in values]
    return lambda i, j: len(set(keys[i:j]))


def _first(values: list[object]) -> Stretch:
    return lambda i, j: values[i] if i < j else None


def _last(values: list[object]) -> Stretch:
    return lambda i, j: values[j - 1] if i < j else None


def _commonest(values: list[object]) -> Stretch:
    keys = [typed(value) for value in values]

    def commonest(i: int, j: int) -> object:
        if i >= j:
            return None
        times = Counter(keys[i:j])
        most = max(times.values())
        return next(values[k] for k in range(j - 1, i - 1, -1) if times[keys[k]] == most)

    return commonest


_OF_SCALARS: dict[Aggregate, Callable[[list[object]], Stretch]] = {
    Aggregate.DISTINCT: _distinct,
    Aggregate.FIRST: _first,
    Aggregate.LAST: _last,
    Aggregate.MOST_FREQUENT: _commonest,
}
