"""Who is in an experiment and in which arm: GrowthBook's published cases, and what must hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.allocation import Layer, assign, choose, in_layer, position_of, ranges

VECTORS = Path(__file__).parents[1] / "vectors" / "allocation.json"


def cases(op: str) -> list[dict[str, Any]]:
    return [case for case in json.loads(VECTORS.read_text())["cases"] if case["op"] == op]


@pytest.mark.parametrize("case", cases("bucket.ranges"), ids=lambda case: str(case["source"])[-12:])
def test_ranges_are_those_of_the_public_cases(case: dict[str, Any]) -> None:
    given_, arms = case["input"], case["input"]["num_variations"]
    weights = given_["weights"] or [1 / arms] * arms
    found = ranges(weights, given_["coverage"])
    assert [list(one) for one in found] == [pytest.approx(r) for r in case["expected"]["ranges"]]


def test_choosing_a_layer_and_a_whole_assignment_are_those_of_the_public_cases() -> None:
    [chosen] = cases("bucket.choose")
    arms = [(start, end) for start, end in chosen["input"]["ranges"]]
    assert choose(chosen["input"]["n"], arms) == chosen["expected"]["index"]
    [layered] = cases("bucket.in_namespace")
    layer = Layer(*layered["input"]["namespace"])
    assert in_layer(layered["input"]["unit"], layer) is layered["expected"]["inside"]
    [whole] = cases("bucket.assign")
    asked = whole["input"]
    arms = list(ranges(asked["weights"], asked["coverage"]))
    unit, seed = asked["unit"], asked["seed"]
    assert position_of(unit, seed=seed) == pytest.approx(whole["expected"]["n"])
    assert assign(unit, seed=seed, arms=arms) == whole["expected"]["variation"]


WEIGHTS = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)


@given(WEIGHTS, st.integers(0, 10), st.integers(0, 10), st.text(max_size=8))
def test_more_coverage_moves_nobody_from_arm_to_arm(
    parts: list[int], one: int, other: int, unit: str
) -> None:
    weights = [part / sum(parts) for part in parts]
    low, high = sorted((one / 10, other / 10))
    fewer = assign(unit, seed="s", arms=ranges(weights, low))
    more = assign(unit, seed="s", arms=ranges(weights, high))
    assert fewer in (-1, more)


def test_shares_are_as_wide_as_their_weights() -> None:
    arms = ranges([0.2, 0.3, 0.5], 0.5)
    units = [f"visitor-{n}" for n in range(20_000)]
    found = [assign(unit, seed="exp", arms=arms) for unit in units]
    for index, share in enumerate([0.1, 0.15, 0.25]):
        assert found.count(index) / len(units) == pytest.approx(share, abs=0.01)


def test_experiments_of_one_layer_have_no_visitor_in_common() -> None:
    first, second = Layer("prices", 0, 0.5), Layer("prices", 0.5, 1)
    units = [f"visitor-{n}" for n in range(2_000)]
    assert all(in_layer(unit, first) is not in_layer(unit, second) for unit in units)
