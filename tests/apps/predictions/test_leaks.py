"""Features that know what they are to foresee are named; those that merely help are not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from apps.predictions import leaks, leaving_out
from apps.predictions.estimators import fitted
from apps.predictions.features import Moment
from apps.predictions.models import ModelSpec
from apps.predictions.reading import CALIBRATE, TEACH, Looked


def world(rows: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(rows, 3))
    y = (chance.random(rows) < 1 / (1 + np.exp(-x[:, 0] - x[:, 1] + 1))).astype(float)
    return x, y


def of(x: np.ndarray, y: np.ndarray) -> list[leaks.Leak]:
    names = [f"f{place}" for place in range(x.shape[1])]
    parts = {
        "teach": (x[::3], y[::3]),
        "calibrate": (x[1::3], y[1::3]),
        "judge": (x[2::3], y[2::3]),
    }
    model = fitted("trees", {"trees": 40}, seed=0, teach=parts["teach"],
                   calibrate=parts["calibrate"])  # fmt: skip
    return leaving_out.of_model(names, model, seed=0, **parts)


def test_honest_features_are_not_flagged():
    assert of(*world()) == []


@pytest.mark.parametrize("sign", [1, -1], ids=["rising", "falling"])
def test_the_outcome_itself_is_flagged_whichever_way_it_points(sign):
    x, y = world()
    found = of(np.column_stack([x, sign * y + np.random.default_rng(1).normal(0, 0.1, len(y))]), y)
    assert [(one.name, one.kind) for one in found] == [("f3", "alone")]
    assert "filled in after the fact" in found[0].words


def test_what_is_known_only_of_those_who_did_it_is_flagged():
    x, y = world()
    late = np.where(y > 0, np.random.default_rng(1).normal(size=len(y)), np.nan)
    assert [one.name for one in of(np.column_stack([x, late]), y)] == ["f3"]


def test_a_feature_that_carries_the_model_alone_is_flagged_with_what_is_left_without_it():
    x, y = world()
    blurred = y + np.random.default_rng(1).normal(0, 0.5, len(y))
    (found,) = of(np.column_stack([x, blurred]), y)
    assert (found.name, found.kind) == ("f3", "carries")
    assert 0.85 < found.auc < 0.98
    assert "without it" in found.words


def test_two_that_say_the_same_do_not_hide_behind_each_other_when_either_tells_all():
    x, y = world()
    both = np.column_stack([x, y, y * 2 + 1])
    assert {one.name for one in of(both, y)} == {"f3", "f4"}


def test_constants_gaps_and_infinities_are_no_leaks():
    x, y = world()
    x[:, 1], x[:, 2] = 7.0, np.nan
    x[::50, 0] = np.inf
    assert leaks.alone(["a", "b", "c"], y, x) == []
    assert leaks.auc_alone(x[:, 1], y) == 0.5
    assert leaks.auc_alone(x[:, 2], y) == 0.5
    assert leaks.auc_alone(x[:, 0], np.ones(len(y))) == 0.5


def test_rows_at_random_that_are_foreseen_far_better_than_later_ones_are_flagged():
    assert leaks.over_time(0.93, 0.90) == []
    assert leaks.over_time(0.93, 0.70, error=0.15) == [], "that may be luck"
    (found,) = leaks.over_time(0.93, 0.70)
    assert "tells one time from the other" in found.words


def looked(*, is_leak_mended: bool, people: int = 1200) -> Looked:
    """Five moments of the same people. Until it is mended, the second feature knows the outcome."""
    chance = np.random.default_rng(0)
    ids = [UUID(int=number + 1) for number in range(people)]
    moments = []
    for number in range(5):
        x = chance.normal(size=(people, 2))
        y = (chance.random(people) < 1 / (1 + np.exp(-1.5 * x[:, 0]))).astype(float)
        if number < 3 or not is_leak_mended:
            x[:, 1] += 2.5 * y
        as_of = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=7 * number)
        moments.append(Moment(as_of, x, y, ids))
    names = ["events", "recency_h"]
    return Looked(names, {}, names, moments)


@pytest.mark.parametrize("is_mended", [True, False], ids=["mended since", "as it was"])
def test_what_told_only_while_it_taught_shows_against_people_held_back(is_mended):
    seen = looked(is_leak_mended=is_mended)
    model = fitted(
        "trees", {"trees": 60}, seed=0,
        teach=(seen.x(TEACH), seen.y(TEACH)), calibrate=(seen.x(CALIBRATE), seen.y(CALIBRATE)),
    )  # fmt: skip
    spec = ModelSpec(key="k", target_event="Order")
    kinds = [leak.kind for leak in leaving_out.flags(spec, seen, {"": model})]
    assert ("random" in kinds) is is_mended


def test_what_knows_only_the_second_of_several_categories_is_named_with_it():
    chance = np.random.default_rng(2)
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    moments = []
    for number in range(4):
        x = chance.normal(size=(900, 3))
        y = (chance.random((900, 2)) < 0.3).astype(float)
        x[:, :2] += 0.6 * y[:, :1]  # honest: both help
        x[:, 2] = y[:, 1] + chance.normal(0, 0.05, 900)  # filled in after the fact
        ids = [UUID(int=one + 1) for one in range(900)]
        moments.append(Moment(instant + timedelta(days=7 * number), x, y, ids))
    names = ["events", "items", "count:Hats Bought"]
    seen = Looked(names, {}, names, moments)
    spec = ModelSpec(
        kind=ModelSpec.Kind.CATEGORIES, target_event="", seed=0,
        target={"categories": ["shoes", "hats"]},
    )  # fmt: skip
    parts = {
        output: fitted("trees", {"trees": 20}, seed=0, teach=(seen.x(TEACH), seen.y(TEACH, place)),
                       calibrate=(seen.x(CALIBRATE), seen.y(CALIBRATE, place)))
        for place, output in enumerate(("shoes", "hats"))
    }  # fmt: skip
    found = leaving_out.flags(spec, seen, parts)
    assert [(one.name, one.kind) for one in found] == [("count:Hats Bought", "alone")]
    assert found[0].words.startswith("Of “hats”: ")
