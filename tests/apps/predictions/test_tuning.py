"""Looking for what foresees best: repeatable, never worse than what was set, and told of."""

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

from apps.predictions.domain.hyperparameters import KNOBS, METHODS, settled
from apps.predictions.errors import InvalidHyperparameters, ModelRefused
from apps.predictions.tuning import Choice, Rows, learning_curve, search

SMALL = {"trees": 20}


@dataclass
class Asked:
    method: str = "trees"
    search: str = "none"
    trials: int = 6
    seed: int = 0
    hyperparameters: dict = field(default_factory=lambda: dict(SMALL))
    horizon_hours: int = 24
    embargo_hours: int = 0


def rows(count: int = 600, moments: int = 4, seed: int = 0) -> Rows:
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(count, 3))
    # Straight: no tree can follow it as well as a weighted sum.
    y = (chance.random(count) < 1 / (1 + np.exp(-3 * x[:, 0] - 2 * x[:, 1]))).astype(float)
    times = np.sort(np.arange(count) % moments * 24.0)
    return Rows(["a", "b", "c"], x, y, times, np.arange(count))


def test_without_a_search_what_is_set_is_taken_and_nothing_is_tried():
    choice, trials = search(Asked(), rows())
    assert choice == Choice("trees", SMALL)
    assert trials == []


@pytest.mark.parametrize("kind", ["grid", "bayes"])
def test_a_search_is_repeatable_and_never_ends_below_what_was_set(kind):
    first = search(Asked(search=kind), rows())
    assert first == search(Asked(search=kind), rows())
    choice, trials = first
    assert trials[0].hyperparameters == settled("trees", SMALL)
    best = min(trials, key=lambda one: one.log_loss)
    assert choice == Choice(best.method, dict(best.hyperparameters))
    assert len(trials) == 6
    assert len({str(one.document()) for one in trials}) == 6


def test_another_seed_searches_elsewhere():
    one, other = (search(Asked(search="bayes", seed=seed), rows())[1] for seed in (0, 1))
    assert [t.hyperparameters for t in one[1:]] != [t.hyperparameters for t in other[1:]]


def test_a_search_stays_within_what_its_knobs_say():
    for trial in search(Asked(search="bayes"), rows())[1][1:]:
        for name, value in trial.hyperparameters.items():
            low, high = KNOBS["trees"][name].between
            assert low <= value <= high


def test_the_best_of_all_methods_is_the_one_that_fits_the_world():
    asked = Asked(method="best", hyperparameters={"trees": 20, "passes": 3})
    choice, trials = search(asked, rows())
    assert {one.method for one in trials} == set(METHODS)
    assert choice.method == "linear"


def test_each_try_is_told_of():
    told = []
    search(Asked(search="grid", trials=3), rows(), lambda *what: told.append(what))
    assert {total for _, total, _ in told} == {3}
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert any("Try 2 of 3: trees" in note for *_, note in told)


def test_who_stops_the_search_is_heard():
    class Lost(Exception):
        pass

    def stop(done, total, note=""):
        if done >= 2:
            raise Lost

    for kind in ("grid", "bayes"):
        with pytest.raises(Lost):
            search(Asked(search=kind), rows(), stop)


def test_one_answer_alone_is_refused_in_words():
    told = rows()
    with pytest.raises(ModelRefused, match="need both answers"):
        search(Asked(search="grid"), Rows(told.names, told.x, np.zeros(600), told.times))


def test_without_its_package_the_bayesian_search_says_what_to_choose(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModelRefused, match="choose the grid"):
        search(Asked(search="bayes"), rows())


def test_what_cannot_be_learned_with_is_refused_before_anything_is_tried():
    with pytest.raises(InvalidHyperparameters, match="lies between"):
        search(Asked(search="grid", hyperparameters={"trees": 0}), rows())


def test_a_learning_curve_grows_and_the_last_point_has_learned_from_all():
    told = rows(3000)
    judge = rows(1000, seed=2)
    points = learning_curve(
        Choice("linear", {}), seed=0, teach=told,
        calibrate=(judge.x[:500], judge.y[:500]), judge=(judge.x[500:], judge.y[500:]),
    )  # fmt: skip
    assert [one["rows"] for one in points] == [300, 600, 1200, 2100, 3000]
    assert points[-1]["log_loss"] <= points[0]["log_loss"] + 0.01
    assert all(one["low"] < one["log_loss"] < one["high"] for one in points)
