"""Event leaves as closures, one per shape of window and aggregate, with their exact next flip."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import ceil, floor

from engine.conditions.answers import FOREVER, NO, UNKNOWN, YES, Answer, Part, answers
from engine.conditions.nodes import Aggregate, EventLeaf, Op, Value, WindowKind
from engine.conditions.operators import tester
from engine.conditions.series import (
    latest_session,
    matches_loader,
    series_loader,
    session_loader,
)
from engine.facts import Facts


def event_part(leaf: EventLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    if leaf.window.kind is WindowKind.SESSION:
        return _in_session(leaf)
    if leaf.aggregate is Aggregate.RECENCY:
        return _recency(leaf)
    if leaf.window.kind is WindowKind.EVER:
        return _ever(leaf)
    if leaf.aggregate is Aggregate.COUNT:
        least = _least_count(leaf.op, leaf.value)
        if least is not None:
            return _count_reaches(leaf, *least)
    return _rolling(leaf)


def _ever(leaf: EventLeaf) -> Part:
    answer = answers(tester(leaf.op, leaf.value))
    if leaf.aggregate is Aggregate.COUNT:
        matches = matches_loader(leaf)
        return lambda facts, now_ms: answer(len(matches(facts)))
    load = series_loader(leaf)
    return lambda facts, now_ms: answer(load(facts)[1][0])


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


def _count_reaches(leaf: EventLeaf, k: int, verdict: bool) -> Part:
    """At least k events in the window: only the k-th newest of all matters."""
    reached, short = (YES, NO) if verdict else (NO, YES)
    if k <= 0:
        return lambda facts, now_ms: reached
    matches, width = matches_loader(leaf), leaf.window.ms

    def count(facts: Facts, now_ms: int) -> Answer:
        matched = matches(facts)
        if len(matched) < k:
            return short
        leaves_at = matched[-k].at_ms + width
        return (verdict, leaves_at) if leaves_at > now_ms else short

    return count


def _rolling(leaf: EventLeaf) -> Part:
    load, width = series_loader(leaf), leaf.window.ms
    test = tester(leaf.op, leaf.value)

    def rolling(facts: Facts, now_ms: int) -> Answer:
        times, states = load(facts)
        first = bisect_right(times, now_ms - width)
        verdict = test(states[first])
        count = len(times)
        for i in range(first + 1, count + 1):
            # Events of one instant leave together: the states between them never show.
            if (i == count or times[i] != times[i - 1]) and test(states[i]) is not verdict:
                return verdict, times[i - 1] + width
        return YES if verdict else NO if verdict is False else UNKNOWN

    return rolling


def _in_session(leaf: EventLeaf) -> Part:
    load = session_loader(leaf)
    test = tester(leaf.op, leaf.value)
    is_recency = leaf.aggregate is Aggregate.RECENCY
    aging = _aging(leaf) if is_recency else None
    over = answers(test)(0 if leaf.aggregate in _ZERO_WHEN_EMPTY else None)

    def session(facts: Facts, now_ms: int) -> Answer:
        ends_at = latest_session(facts)[2]
        if now_ms >= ends_at:
            return over
        times, states = load(facts)
        if not times:
            return over
        if aging is not None:
            return aging(times[-1], ends_at, now_ms)
        verdict = test(states[0])
        if verdict is over[0]:
            return over
        return verdict, ends_at

    return session


_ZERO_WHEN_EMPTY = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT})


def _recency(leaf: EventLeaf) -> Part:
    matches = matches_loader(leaf)
    aging = _aging(leaf)
    width = leaf.window.ms if leaf.window.kind is WindowKind.LAST else FOREVER
    nothing = answers(tester(leaf.op, leaf.value))(None)

    def recency(facts: Facts, now_ms: int) -> Answer:
        matched = matches(facts)
        if not matched:
            return nothing
        latest = matched[-1].at_ms
        leaves_at = latest + width
        return aging(latest, leaves_at, now_ms) if now_ms < leaves_at else nothing

    return recency


def _aging(leaf: EventLeaf) -> Callable[[int, int, int], Answer]:
    """Return the verdict on the age of an event at `latest` that counts until `ends_at`."""
    test = tester(leaf.op, leaf.value)
    value = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    ages = [int(age_ms) for age_ms in value if age_ms is not None]
    cuts = sorted({cut for age_ms in ages for cut in (age_ms, age_ms + 1)})
    nothing = test(None)

    def aging(latest: int, ends_at: int, now_ms: int) -> Answer:
        age_ms = now_ms - latest
        verdict = test(age_ms)
        for cut in cuts:
            if cut > age_ms and latest + cut < ends_at and test(cut) is not verdict:
                return verdict, latest + cut
        if ends_at < FOREVER and nothing is not verdict:
            return verdict, ends_at
        return YES if verdict else NO if verdict is False else UNKNOWN

    return aging
