"""Random histories for paths, and what must hold of every leaf: agreement and honest instants."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import (
    CalendarUnit,
    Leaf,
    Match,
    Op,
    PropertyTest,
    Window,
    WindowKind,
)
from engine.facts import SESSION_IDLE_MS, Facts, Happening, Scalar

# 26 October 2025, 22:30 UTC: within two hours of a change of the clocks in Paris.
START_MS = 1_761_431_400_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
ZONE = "Europe/Paris"

# `PATHS_EXAMPLES=20000 pytest tests/engine/test_sequences.py` is the long, random run.
EXAMPLES = int(os.environ.get("PATHS_EXAMPLES", "200"))
checks = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize="PATHS_EXAMPLES" not in os.environ,
)

GAPS_MS = (0, 0, 0, 1, 999, 1000, 1001, 5000, MINUTE_MS, 600_000, SESSION_IDLE_MS - 1)
LONG_GAPS_MS = (SESSION_IDLE_MS, HOUR_MS, DAY_MS, 40 * DAY_MS)


def event(after_ms: int, name: str, device: int = 1, **properties: Scalar) -> Happening:
    """An event so many ms after the start of the story."""
    return Happening(START_MS + after_ms, name, device, properties)


def story(*events: Happening, **more: object) -> Facts:
    """The facts of a history in the order given, which must be that of time."""
    assert [e.at_ms for e in events] == sorted(e.at_ms for e in events)
    return Facts(history=list(events), **more)  # type: ignore[arg-type]  # fields of Facts


@st.composite
def histories(
    draw: st.DrawFn,
    names: Sequence[str],
    properties: st.SearchStrategy[Any],
    max_size: int = 9,
) -> list[Happening]:
    """Events in order with ties, on two devices and none, gaps that just meet limits or miss."""
    gaps = st.one_of(st.sampled_from(GAPS_MS), st.sampled_from(GAPS_MS + LONG_GAPS_MS))
    at_ms, found = START_MS, []
    for _ in range(draw(st.integers(0, max_size))):
        at_ms += draw(gaps)
        device = draw(st.sampled_from([1, 1, 1, 2, 0]))
        found.append(Happening(at_ms, draw(st.sampled_from(names)), device, draw(properties)))
    return found


def windows(
    *, names: Sequence[str], kinds: Iterable[WindowKind] = tuple(WindowKind)
) -> st.SearchStrategy[Window]:
    """Windows of these kinds, their widths those of the gaps."""
    widths = st.sampled_from([1, 1000, 6000, MINUTE_MS, 600_000, HOUR_MS, DAY_MS])
    instants = st.sampled_from([None, 0, 0, 1, 999, 1000, 1001, 5000, MINUTE_MS])
    by_kind = {
        WindowKind.EVER: st.just(Window(WindowKind.EVER)),
        WindowKind.LAST: widths.map(lambda ms: Window(WindowKind.LAST, ms)),
        WindowKind.LAST_MONTHS: st.sampled_from([1, 4, 12]).map(
            lambda n: Window(WindowKind.LAST_MONTHS, months=n)
        ),
        WindowKind.BETWEEN_AGO: st.tuples(widths, widths)
        .filter(lambda pair: pair[0] != pair[1])
        .map(lambda pair: Window(WindowKind.BETWEEN_AGO, max(pair), near_ms=min(pair))),
        WindowKind.CALENDAR: st.builds(
            lambda unit, visitor: Window(WindowKind.CALENDAR, unit=unit, is_visitor_zone=visitor),
            st.sampled_from(CalendarUnit),
            st.booleans(),
        ),
        WindowKind.SESSION: st.sampled_from([1000, MINUTE_MS, SESSION_IDLE_MS]).map(
            lambda ms: Window(WindowKind.SESSION, ms)
        ),
        WindowKind.VISIT: st.sampled_from([1, 2, -1, -2]).map(
            lambda n: Window(WindowKind.VISIT, visit=n)
        ),
        WindowKind.PAGE_VIEW: st.just(Window(WindowKind.PAGE_VIEW)),
        WindowKind.SINCE: st.sampled_from(names).map(
            lambda name: Window(WindowKind.SINCE, since=Match(name))
        ),
        WindowKind.ABSOLUTE: st.tuples(instants, instants).map(_absolute),
    }
    return st.one_of(*(by_kind[kind] for kind in kinds))


def _absolute(ends: tuple[int | None, int | None]) -> Window:
    first, last = (None if end is None else START_MS + end for end in ends)
    if first is not None and last is not None and first > last:
        first, last = last, first
    return Window(WindowKind.ABSOLUTE, from_ms=first, to_ms=last)


def equals(name: str, value: Scalar) -> PropertyTest:
    return PropertyTest(name, Op.EQ, value)


def instants(facts: Facts, leaf: Leaf) -> list[int]:
    """Around each event and, with no event after it, around each change it leads to."""
    times = {event.at_ms for event in facts.history} or {START_MS}
    found = {at_ms + step for at_ms in times for step in (-1, 0, 1)}
    moments = evaluate.MOMENTS[type(leaf)]
    for at_ms in times:
        for moment in moments(leaf, facts.as_of(at_ms), at_ms):
            found |= {moment - 1, moment, moment + 1}
    return sorted(found)


def check(leaf: Leaf, facts: Facts) -> None:
    """Both evaluators agree at every instant, and name the very instant of the next change."""
    compiled = compile_condition(leaf)
    moments = instants(facts, leaf)
    for now_ms in moments:
        still = facts.as_of(now_ms)
        verdict = evaluate.truth(leaf, still, now_ms)
        found, until_ms = compiled(facts, now_ms)
        assert found is verdict, now_ms - START_MS
        assert evaluate.leaf_valid_until(leaf, still, now_ms) == until_ms, now_ms - START_MS
        later = [moment for moment in moments if moment > now_ms]
        if until_ms is not None:
            assert until_ms > now_ms
            later = [*(m for m in later if m < until_ms), until_ms - 1]
            assert evaluate.truth(leaf, still, until_ms) is not verdict
        for moment in later:
            assert evaluate.truth(leaf, still, max(moment, now_ms)) is verdict, moment - START_MS
