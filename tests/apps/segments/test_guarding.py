"""Segments that take a consumer's time from everybody are found, and no others."""

from itertools import cycle

import pytest

from apps.segments import guarding
from apps.segments.guarding import Guard

DEAR_MS = {"cheap": 0.02, "dear": 60.0}


def ask(guard: Guard, costs_ms: dict[str, float], persons: int, times: int) -> None:
    """Answer the segments for so many persons in turn, as a live set does it."""
    numbers = {key: number for number, key in enumerate(costs_ms, start=1)}
    for _, who in zip(range(times), cycle(range(persons)), strict=False):
        spent_ms = 0.0
        is_timing = guard.is_timing
        for key, number in numbers.items():
            if number not in guard.frozen:
                spent_ms += costs_ms[key]
                if is_timing:
                    guard.took(key, number, f"person-{who}", costs_ms[key] / 1000)
        guard.took_all(spent_ms / 1000)


def test_a_segment_that_is_dear_for_everybody_is_frozen_soon_and_told() -> None:
    guard = Guard()
    ask(guard, DEAR_MS, persons=200, times=60)
    assert guard.frozen == {2: "too dear"}
    assert guard.untold == [("dear", "too dear")]


def test_a_person_with_a_life_of_events_makes_no_segment_dear() -> None:
    guard = Guard()
    ask(guard, DEAR_MS, persons=guarding.DEAR_OF - 1, times=5_000)
    assert guard.frozen == {}


def test_many_segments_are_dear_together_and_none_is_frozen() -> None:
    guard = Guard()
    ask(guard, {f"s{n}": 0.1 for n in range(500)}, persons=300, times=3_000)
    assert guard.frozen == {}


@pytest.mark.parametrize(
    "costs", [{"cheap": 0.02}, {f"s{n}": 0.02 for n in range(50)}], ids=["one", "fifty"]
)
def test_what_costs_little_is_never_timed(costs: dict[str, float]) -> None:
    guard = Guard()
    ask(guard, costs, persons=100, times=2_000)
    assert not guard.is_timing


def test_between_looks_at_a_dear_site_nothing_is_timed() -> None:
    guard = Guard()
    costs = {f"s{n}": 0.1 for n in range(500)}
    timed = 0
    for _ in range(2 * guarding.WATCHED_ON):
        ask(guard, costs, persons=1, times=1)
        timed += guard.is_timing
    assert 0 < timed <= 2 * guarding.DEAR_FOR + 1


def test_after_it_is_frozen_the_others_are_not_timed_for_ever() -> None:
    guard = Guard()
    ask(guard, DEAR_MS, persons=200, times=60)
    ask(guard, DEAR_MS, persons=200, times=guarding.WATCHED_ON)
    assert not guard.is_timing
