"""Event leaves of every aggregate and window: both evaluators agree, to the millisecond."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.compile import compile_condition
from engine.conditions.nodes import Aggregate, EventLeaf, Op, Window, WindowKind
from engine.facts import Facts, Happening
from tests.engine import event_worlds

checks = settings(
    max_examples=int(os.environ.get("ATTUNE_PARITY", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize="ATTUNE_PARITY" not in os.environ,
)


@checks
@given(event_worlds.event_leaves(), event_worlds.facts(), st.randoms(use_true_random=False))
def test_a_leaf_says_what_it_means_until_the_very_instant_it_names(
    leaf: EventLeaf, facts: Facts, random: object
) -> None:
    compiled = compile_condition(leaf)
    instants = event_worlds.moments(leaf, facts)
    for now_ms in random.sample(instants, min(12, len(instants))):  # type: ignore[attr-defined]  # a Random
        still = facts.as_of(now_ms)
        verdict, until_ms = compiled(facts, now_ms)
        assert verdict is evaluate.truth(leaf, facts, now_ms)
        assert until_ms == evaluate.trace(leaf, facts, now_ms).valid_until_ms
        later = [at for at in instants if now_ms < at and (until_ms is None or at < until_ms)]
        for at_ms in random.sample(later, min(8, len(later))):  # type: ignore[attr-defined]  # as above
            assert evaluate.truth(leaf, still, at_ms) is verdict
        if until_ms is not None:
            assert until_ms > now_ms
            assert evaluate.truth(leaf, still, until_ms - 1) is verdict
            assert evaluate.truth(leaf, still, until_ms) is not verdict


class Indexed(list[Happening]):
    """A history that knows its events by name, and refuses to be walked."""

    def __init__(self, events: list[Happening]) -> None:
        super().__init__(events)
        names = {event.name for event in events}
        self.by_name = {name: [e for e in events if e.name == name] for name in names}
        self.places = {name: [i for i, e in enumerate(events) if e.name == name] for name in names}

    def __iter__(self) -> Iterator[Happening]:
        raise AssertionError("walked")


def test_a_history_that_is_indexed_by_name_is_not_walked() -> None:
    history = Indexed([Happening(i, "AB"[i % 2], 1) for i in range(100)])

    for window in (Window(WindowKind.EVER), Window(WindowKind.LAST, ms=50)):
        leaf = EventLeaf("A", (), Aggregate.COUNT, None, window, Op.EQ, 25)
        found = compile_condition(leaf)(Facts(history=history), 99)
        assert found[0] is (window.kind is WindowKind.LAST)


def test_a_trace_of_a_long_history_names_the_same_instant() -> None:
    history = [Happening(i * 1000, "A", 1, {"price": 0.1}) for i in range(3000)]
    window = Window(WindowKind.LAST, ms=3_600_000)
    leaf = EventLeaf("A", (), Aggregate.SUM, "price", window, Op.GTE, 200)

    trace = evaluate.trace(leaf, Facts(history=history), 2_999_000)

    assert trace.value == 300  # 0.1 three thousand times, exactly
    # 1,001 events have gone when the one at 1,000 s leaves.
    assert trace.valid_until_ms == 1_000_000 + 3_600_000
