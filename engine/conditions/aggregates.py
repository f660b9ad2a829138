"""What an event leaf means: an aggregate of the matching events of a window, compared.

Written to be read; `event_parts` is the same made fast. Facts given here hold no event after now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from decimal import Context, Decimal
from math import isfinite

from engine.conditions.answers import Finder, Finding, Moments
from engine.conditions.calendars import day_start, local_day
from engine.conditions.nodes import Aggregate, EventLeaf, Match, Window, WindowKind
from engine.conditions.operators import as_number, compare, typed
from engine.conditions.sessions import session_changes
from engine.conditions.windows import enters_at, idle_of, indexes_in, leaves_at, meets
from engine.facts import Facts, Scalar

# More digits than any sum of doubles can have (1.8e308 down to 4.9e-324), so nothing is rounded.
EXACT = Context(prec=2000, Emax=9999, Emin=-9999)


def find_event(leaf: EventLeaf, facts: Facts, now_ms: int) -> Finding:
    used = matching(leaf.match, leaf.window, facts, now_ms)
    if leaf.of is not None:
        used = [i for i in used if _counts(leaf, facts.history[i].properties.get(leaf.of))]
    value = _VALUES[leaf.aggregate](leaf, facts, now_ms, used)
    return Finding(value, compare(leaf.op, value, leaf.value), tuple(used))


def matching(match: Match, window: Window, facts: Facts, now_ms: int) -> list[int]:
    return [
        i
        for i in indexes_in(window, facts, now_ms)
        if meets(match, facts.history[i], facts.context)
    ]


def _counts(leaf: EventLeaf, found: object) -> bool:
    """Numbers alone for the aggregates of numbers, else any scalar."""
    if leaf.aggregate in (Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX):
        return as_number(found) is not None
    return typed(found) is not None


def _count(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> int:
    return len(used)


def _sum(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float:
    return exact_sum([number for _, number in _numbers(leaf, facts, used)])


def exact_sum(numbers: list[float | int]) -> float:
    """The sum of the shortest decimal texts of doubles, as a double: 0.1 + 0.2 is 0.3."""
    if not all(isfinite(number) for number in numbers):
        return sum(number for number in numbers if not isfinite(number))
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, Decimal(repr(number)))
    return float(total)


def _avg(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float | None:
    return _sum(leaf, facts, now_ms, used) / len(used) if used else None


def _min(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float | None:
    return min((number for _, number in _numbers(leaf, facts, used)), default=None)


def _max(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float | None:
    return max((number for _, number in _numbers(leaf, facts, used)), default=None)


def _distinct(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> int:
    return len({typed(value) for value in _scalars(leaf, facts, used)})


def _first(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> Scalar | None:
    return _scalars(leaf, facts, used)[0] if used else None


def _last(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> Scalar | None:
    return _scalars(leaf, facts, used)[-1] if used else None


def _most_frequent(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> Scalar | None:
    values = _scalars(leaf, facts, used)
    times: Counter[Hashable] = Counter(typed(value) for value in values)
    commonest = [value for value in values if times[typed(value)] == max(times.values())]
    return commonest[-1] if commonest else None


def _recency(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> int | None:
    return now_ms - facts.history[used[-1]].at_ms if used else None


def _days_active(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> int:
    return len(_days(facts, used))


def _streak(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> int:
    days = _days(facts, used)
    today = local_day(now_ms, facts.site_zone)
    day = today if today in days else today - 1
    length = 0
    while day - length in days:
        length += 1
    return length


def _ratio(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float | None:
    assert leaf.over is not None
    over = matching(leaf.over, leaf.window, facts, now_ms)
    return len(used) / len(over) if over else None


def _rate(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float:
    return len(used) * leaf.per_ms / (leaf.window.ms - leaf.window.near_ms)


def _trend(leaf: EventLeaf, facts: Facts, now_ms: int, used: list[int]) -> float | None:
    width = leaf.window.ms
    before = matching(leaf.match, _between(2 * width, width), facts, now_ms)
    return len(used) / len(before) if before else None


def _between(from_ms: int, to_ms: int) -> Window:
    return Window(WindowKind.BETWEEN_AGO, ms=from_ms, near_ms=to_ms)


_VALUES: dict[Aggregate, Callable[[EventLeaf, Facts, int, list[int]], object]] = {
    Aggregate.COUNT: _count,
    Aggregate.SUM: _sum,
    Aggregate.AVG: _avg,
    Aggregate.MIN: _min,
    Aggregate.MAX: _max,
    Aggregate.DISTINCT: _distinct,
    Aggregate.FIRST: _first,
    Aggregate.LAST: _last,
    Aggregate.MOST_FREQUENT: _most_frequent,
    Aggregate.RECENCY: _recency,
    Aggregate.DAYS_ACTIVE: _days_active,
    Aggregate.STREAK: _streak,
    Aggregate.RATIO: _ratio,
    Aggregate.RATE: _rate,
    Aggregate.TREND: _trend,
}


def _scalars(leaf: EventLeaf, facts: Facts, used: list[int]) -> list[Scalar]:
    return [facts.history[i].properties[leaf.of or ""] for i in used]


def _numbers(leaf: EventLeaf, facts: Facts, used: list[int]) -> list[tuple[int, float | int]]:
    found = [(i, as_number(facts.history[i].properties.get(leaf.of or ""))) for i in used]
    return [(i, number) for i, number in found if number is not None]


def _days(facts: Facts, used: list[int]) -> set[int]:
    return {local_day(facts.history[i].at_ms, facts.site_zone) for i in used}


# Time


def event_moments(leaf: EventLeaf, facts: Facts, now_ms: int) -> set[int]:
    """Every instant at which an event enters or leaves, an age passes a threshold, a day begins."""
    matches = [leaf.match] if leaf.over is None else [leaf.match, leaf.over]
    times = [
        event.at_ms
        for event in facts.history
        if any(meets(match, event, facts.context) for match in matches)
    ]
    moments = _window_moments(leaf.window, times, facts)
    if leaf.aggregate is Aggregate.TREND:
        moments.update(at_ms + 2 * leaf.window.ms for at_ms in times)
    if leaf.aggregate is Aggregate.RECENCY and leaf.value is not None:
        for age_ms in leaf.value if isinstance(leaf.value, tuple) else (leaf.value,):
            moments.update(at_ms + int(age_ms) for at_ms in times)
            moments.update(at_ms + int(age_ms) + 1 for at_ms in times)
    if leaf.aggregate is Aggregate.STREAK:
        days = {local_day(at_ms, facts.site_zone) for at_ms in times}
        moments.update(day_start(day + ahead, facts.site_zone) for day in days for ahead in (1, 2))
    return {moment for moment in moments if moment > now_ms}


def _window_moments(window: Window, times: list[int], facts: Facts) -> set[int]:
    match window.kind:
        case WindowKind.SESSION | WindowKind.PAGE_VIEW:
            return session_changes(facts, idle_of(window))
        case WindowKind.VISIT:
            return set()
    leaving = (leaves_at(window, at_ms, facts) for at_ms in times)
    found = {at_ms for at_ms in leaving if at_ms is not None}
    return found | {enters_at(window, at_ms) for at_ms in times}


FINDERS: dict[type, Finder] = {EventLeaf: find_event}
MOMENTS: dict[type, Moments] = {EventLeaf: event_moments}
