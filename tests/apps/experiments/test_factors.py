"""What each factor of a factorial does: main effects, interactions, and what has a reason."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from apps.experiments.domain.factorial import Point, contrasts
from apps.experiments.models import Experiment
from tests.apps.experiments.results import Story

pytestmark = pytest.mark.django_db
LEVELS = [
    {"headline": headline, "picture": picture}
    for headline in ("short", "long")
    for picture in ("plain", "bright")
]


def factorial(people: Sequence[int], rates: Sequence[float], kind: str = "conversion") -> Any:
    story = Story(tuple(f"Arm {n}" for n in range(4)), kind="factorial", per_arm=5_000)
    for arm, levels in zip(story.arms, LEVELS, strict=True):
        arm["levels"] = levels
    story.phase.arms = story.arms
    story.phase.save(update_fields=["arms"])
    Experiment.objects.filter(pk=story.experiment.pk).update(
        kind="factorial",
        factors=[
            {"key": "headline", "levels": ["short", "long"]},
            {"key": "picture", "levels": ["plain", "bright"]},
        ],
    )
    story.did(story.metric("orders", "Orders", kind), people, rates)
    return story.analysed()["factorial"]


def test_main_effects_and_their_interaction_are_found() -> None:
    found = factorial([5_000] * 4, [0.10, 0.10, 0.20, 0.30])
    told = {one["name"]: one for one in found["effects"]}
    assert list(told) == [
        "headline: long",
        "picture: bright",
        "headline: long and picture: bright",
    ]
    assert [one["kind"] for one in told.values()] == ["main", "main", "interaction"]
    assert told["headline: long"]["against"] == "short"
    # (0.2 + 0.3) / 2 - (0.1 + 0.1) / 2; and what both do beyond each alone.
    for name, truth in (("headline: long", 0.15), ("headline: long and picture: bright", 0.10)):
        low, high = told[name]["interval"]
        assert low < truth < high
        assert told[name]["p"] < 0.05
    assert found["p_interaction"] < 0.05
    assert found["odds"]["df"] == 1
    assert found["others"] == []


def test_factors_that_do_not_depend_on_each_other_say_so() -> None:
    found = factorial([4_000] * 4, [2.0, 3.0, 2.5, 3.5], kind="mean")
    told = {one["name"]: one for one in found["effects"]}
    assert told["picture: bright"]["p"] < 0.05
    assert told["headline: long and picture: bright"]["p"] > 0.05
    assert found["p_interaction"] > 0.05
    assert found["odds"] is None


@pytest.mark.parametrize(
    ("people", "rates", "kind", "words"),
    [
        ([500, 500, 500, 0], [0.1] * 4, "conversion", "fewer than two people"),
        ([500] * 4, [0.1, 0.1, 0.1, 0.0], "conversion", "Fewer than five did it"),
    ],
    ids=["an empty combination", "nobody did it in one"],
)
def test_what_cannot_be_told_has_a_reason(
    people: Sequence[int], rates: Sequence[float], kind: str, words: str
) -> None:
    found = factorial(people, rates, kind)
    assert words in found["reason"]
    assert found["effects"] == []
    assert "NaN" not in json.dumps(found)


def test_an_experiment_without_factors_has_none() -> None:
    story = Story()
    story.did(story.metric("orders", "Orders"), [1_000, 1_000], [0.1, 0.1])
    assert story.analysed()["factorial"] is None


def test_contrasts_of_three_levels_and_three_factors_are_those_by_hand() -> None:
    def value(a: str, b: str, c: str) -> float:
        return {"0": 0.0, "1": 2.0, "2": 5.0}[a] + 3.0 * (b == "1") + 7.0 * (a == "2" and b == "1")

    points = [
        Point({"a": a, "b": b, "c": c}, value(a, b, c), 0.25)
        for a in "012"
        for b in "01"
        for c in "01"
    ]
    found = {one.levels: one for one in contrasts(points, {"a": "0", "b": "0", "c": "0"})}
    assert found[("a", "1"),].diff == pytest.approx(2.0)
    assert found[("a", "2"),].diff == pytest.approx(5.0 + 7.0 / 2)
    assert found[("b", "1"),].diff == pytest.approx(3.0 + 7.0 / 3)
    assert found[("a", "2"), ("b", "1")].diff == pytest.approx(7.0)
    assert found[("a", "1"), ("b", "1")].diff == pytest.approx(0.0)
    assert found[("a", "1"), ("c", "1")].diff == pytest.approx(0.0)
    # Four points of each sign, each with the variance 1/4; and two of each of four signs.
    assert found[("a", "1"),].se == pytest.approx(math.sqrt(8 * 0.25) / 4)
    assert found[("a", "2"), ("b", "1")].se == pytest.approx(math.sqrt(8 * 0.25) / 2)
