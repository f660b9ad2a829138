"""Event leaves as closures with their exact next flip.

Any aggregate over any window is answered by walking its timeline until the verdict differs. What
editors ask most (counts of the last minutes, of the session, of all time) has shorter ways.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple, TypeAlias, cast

from engine.conditions.aggregate_states import Days
from engine.conditions.answers import ENDLESS, FOREVER, NO, YES, Answer, Builder, Part, answers
from engine.conditions.calendars import (
    calendar_period,
    day_start,
    local_day,
    months_after,
    months_before,
)
from engine.conditions.event_windows import LASTING, lasting_state, session_states, timeline_of
from engine.conditions.nodes import Aggregate, EventLeaf, Op, Value, Window, WindowKind
from engine.conditions.operators import Test, tester
from engine.conditions.series import Matches, Source, matches_loader
from engine.conditions.sessions import latest_tails
from engine.conditions.windows import idle_of, unit_of, zone_of
from engine.facts import Facts


def event_part(leaf: EventLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    kind = leaf.window.kind
    match leaf.aggregate:
        case Aggregate.RECENCY:
            return _recency(leaf) if kind in _WIDTHS else _aging(leaf, _ages(leaf))
        case Aggregate.STREAK:
            return _aging(leaf, _streaks)
        case Aggregate.TREND:
            return _walking(leaf)
        case Aggregate.COUNT:
            least = _least_count(leaf.op, leaf.value)
            if least is not None and kind in _LEAVES:
                return _count_reaches(leaf, *least, _LEAVES[kind](leaf.window))
    if kind in LASTING:
        return _lasting(leaf)
    if kind is WindowKind.LAST:
        return _rolling(leaf)
    if kind is WindowKind.LAST_MONTHS:
        return _rolling_months(leaf)
    return _in_session(leaf) if kind is WindowKind.SESSION else _walking(leaf)


def _walking(leaf: EventLeaf) -> Part:
    """Any aggregate that changes only when an event enters or leaves the window."""
    timeline = timeline_of(leaf)
    test = tester(leaf.op, leaf.value)

    def walk(facts: Facts, now_ms: int) -> Answer:
        phases = timeline(facts, now_ms)
        _, until_ms, state = next(phases)
        verdict = test(state)
        if until_ms != FOREVER:
            for start, _, state in phases:
                if test(state) is not verdict:
                    return verdict, start
        return ENDLESS[verdict]

    return walk


def _lasting(leaf: EventLeaf) -> Part:
    source = Source(leaf)
    answer = answers(tester(leaf.op, leaf.value))
    state = lasting_state(leaf, source)
    return lambda facts, now_ms: answer(state(facts))


class Threshold(NamedTuple):
    """A count of all time, or of the `last` width_ms, that is `verdict` from `least` events on."""

    matches: Matches
    least: int
    verdict: bool
    width_ms: int | None


def threshold_of(leaf: EventLeaf) -> Threshold | None:
    """The leaf as a threshold; None when it is no such count."""
    if leaf.aggregate is not Aggregate.COUNT:
        return None
    least = _least_count(leaf.op, leaf.value)
    if least is None or least[0] <= 0 or leaf.window.kind not in _WIDTHS:
        return None
    width_ms = leaf.window.ms if leaf.window.kind is WindowKind.LAST else None
    return Threshold(matches_loader(leaf), *least, width_ms)


def _least_count(op: Op, value: Value) -> tuple[int, bool] | None:
    """(k, the verdict when the count is at least k) for an operator with one threshold."""
    if not isinstance(value, int | float):
        return None
    match op:
        case Op.GTE:
            return ceil(value), True
        case Op.GT:
            return floor(value) + 1, True
        case Op.LT:
            return ceil(value), False
        case Op.LTE:
            return floor(value) + 1, False
    return None


# (facts, now_ms, at_ms) -> when an event leaves the window, now or earlier when it is not in it.
Leaves: TypeAlias = Callable[[Facts, int, int], int]


def _count_reaches(leaf: EventLeaf, k: int, verdict: bool, leaves: Leaves | None) -> Part:
    """At least k events in the window: only the k-th newest of all matters."""
    reached, short = (YES, NO) if verdict else (NO, YES)
    if k <= 0:
        return lambda facts, now_ms: reached
    matches, width = Source(leaf).load, leaf.window.ms
    if leaf.window.kind is WindowKind.EVER:
        return lambda facts, now_ms: reached if len(matches(facts)) >= k else short
    if leaves is None:

        def count(facts: Facts, now_ms: int) -> Answer:
            matched = matches(facts)
            if len(matched) < k:
                return short
            leaves_at = matched[-k].at_ms + width
            return (verdict, leaves_at) if leaves_at > now_ms else short

        return count

    def count_in(facts: Facts, now_ms: int) -> Answer:
        matched = matches(facts)
        if len(matched) < k:
            return short
        leaves_at = leaves(facts, now_ms, matched[-k].at_ms)
        return (verdict, leaves_at) if leaves_at > now_ms else short

    return count_in


def _leaves_months(window: Window) -> Leaves:
    months = window.months
    before = lru_cache(maxsize=8)(months_before)  # one now, many visitors

    def leaves(facts: Facts, now_ms: int, at_ms: int) -> int:
        return months_after(at_ms, months) if at_ms > before(now_ms, months) else now_ms

    return leaves


def _leaves_calendar(window: Window) -> Leaves:
    unit = unit_of(window)

    def leaves(facts: Facts, now_ms: int, at_ms: int) -> int:
        start, end = calendar_period(now_ms, unit, zone_of(window, facts))
        return end if at_ms >= start else now_ms

    return leaves


_LEAVES: dict[WindowKind, Callable[[Window], Leaves | None]] = {
    WindowKind.EVER: lambda window: None,
    WindowKind.LAST: lambda window: None,
    WindowKind.LAST_MONTHS: _leaves_months,
    WindowKind.CALENDAR: _leaves_calendar,
}


def _recency(leaf: EventLeaf) -> Part:
    """The age of the latest of all: an older one is never in the window without it."""
    matches = Source(leaf).load
    test = tester(leaf.op, leaf.value)
    width = _WIDTHS[leaf.window.kind](leaf.window)
    steps, nothing = _steps(leaf), test(None)
    nothing_answer = ENDLESS[nothing]

    def recency(facts: Facts, now_ms: int) -> Answer:
        matched = matches(facts)
        if not matched:
            return nothing_answer
        latest = matched[-1].at_ms
        age_ms = now_ms - latest
        if age_ms >= width:
            return nothing_answer
        verdict = test(age_ms)
        for step in steps:
            if age_ms < step < width and test(step) is not verdict:
                return verdict, latest + step
        if width != FOREVER and nothing is not verdict:
            return verdict, latest + width
        return ENDLESS[verdict]

    return recency


_WIDTHS: dict[WindowKind, Callable[[Window], int]] = {
    WindowKind.EVER: lambda window: FOREVER,
    WindowKind.LAST: lambda window: window.ms,
}


def _rolling(leaf: EventLeaf) -> Part:
    """The `last` window without a generator."""
    source, width = Source(leaf), leaf.window.ms
    test = tester(leaf.op, leaf.value)

    def rolling(facts: Facts, now_ms: int) -> Answer:
        times, states = source.series(facts)
        first = bisect_right(times, now_ms - width)
        verdict = test(states[first])
        count = len(times)
        for i in range(first + 1, count + 1):
            # Events of one instant leave together: the states between them never show.
            if (i == count or times[i] != times[i - 1]) and test(states[i]) is not verdict:
                return verdict, times[i - 1] + width
        return ENDLESS[verdict]

    return rolling


def _rolling_months(leaf: EventLeaf) -> Part:
    """The `last` months: when an event leaves is worth computing only where that may matter."""
    source, months = Source(leaf), leaf.window.months
    test = tester(leaf.op, leaf.value)
    before = lru_cache(maxsize=8)(months_before)  # one now, many visitors

    def rolling(facts: Facts, now_ms: int) -> Answer:
        times, states = source.series(facts)
        first = bisect_right(times, before(now_ms, months))
        verdict = test(states[first])
        for i in range(first + 1, len(times) + 1):
            if test(states[i]) is not verdict:
                # Several days of a long month may leave at one instant: what shows then?
                leaves_at = months_after(times[i - 1], months)
                shown = bisect_right(times, months_before(leaves_at, months))
                if test(states[shown]) is not verdict:
                    return verdict, leaves_at
        return ENDLESS[verdict]

    return rolling


def _in_session(leaf: EventLeaf) -> Part:
    """The `session` window without a generator, where no event lacks a device."""
    source = Source(leaf)
    state = session_states(source, leaf.window)
    test = tester(leaf.op, leaf.value)
    over = test(source.build_from(Facts(), [], None if leaf.over is None else [])[1][0])
    over_answer, walk, idle_ms = ENDLESS[over], _walking(leaf), idle_of(leaf.window)

    def session(facts: Facts, now_ms: int) -> Answer:
        _, _, ends_ms, _, lone_ends_ms = latest_tails(facts, idle_ms)
        if lone_ends_ms > now_ms:
            return walk(facts, now_ms)
        if now_ms >= ends_ms:
            return over_answer
        verdict = test(state(facts, False))
        return over_answer if verdict is over else (verdict, ends_ms)

    return session


# Aggregates that change by themselves: (facts, state, from_ms) -> the value at an instant, and the
# instants after it at which the value may pass a threshold, ascending.
Valued: TypeAlias = tuple[Callable[[int], object], Iterator[int]]


def _aging(leaf: EventLeaf, valued: Callable[[Facts, object], Valued]) -> Part:
    timeline = timeline_of(leaf)
    test = tester(leaf.op, leaf.value)

    def aging(facts: Facts, now_ms: int) -> Answer:
        phases = timeline(facts, now_ms)
        start, until_ms, state = next(phases)
        value, cuts = valued(facts, state)
        verdict = test(value(now_ms))
        flip = _first_flip(test, value, cuts, verdict, now_ms, until_ms)
        if flip is not None:
            return verdict, flip
        for start, until_ms, state in phases:
            value, cuts = valued(facts, state)
            if test(value(start)) is not verdict:
                return verdict, start
            flip = _first_flip(test, value, cuts, verdict, start, until_ms)
            if flip is not None:
                return verdict, flip
        return ENDLESS[verdict]

    return aging


def _first_flip(
    test: Test,
    value: Callable[[int], object],
    cuts: Iterator[int],
    verdict: bool | None,
    after_ms: int,
    before_ms: int,
) -> int | None:
    for cut in cuts:
        if after_ms < cut < before_ms and test(value(cut)) is not verdict:
            return cut
    return None


def _ages(leaf: EventLeaf) -> Callable[[Facts, object], Valued]:
    steps = _steps(leaf)

    def valued(facts: Facts, state: object) -> Valued:
        if state is None:
            return _missing, iter(())
        latest = cast(int, state)
        return (lambda at_ms: at_ms - latest), (latest + step for step in steps)

    return valued


def _steps(leaf: EventLeaf) -> list[int]:
    """The ages in ms at which the verdict on an age may change, ascending."""
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    ages = [int(age_ms) for age_ms in values if age_ms is not None]
    return sorted({cut for age_ms in ages for cut in (age_ms, age_ms + 1)})


def _missing(at_ms: int) -> object:
    return None


def _streaks(facts: Facts, state: object) -> Valued:
    zone = facts.site_zone
    days = cast(Days, state)
    last = days.last()
    if last is None:
        return (lambda at_ms: 0), iter(())
    return (
        lambda at_ms: days.streak(local_day(at_ms, zone)),
        (day_start(last + ahead, zone) for ahead in (1, 2)),
    )


BUILDERS: dict[type, Builder] = {EventLeaf: event_part}
