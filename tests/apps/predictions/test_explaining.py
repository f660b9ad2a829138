"""Why a score is what it is, and the least that would change it."""

import math

import numpy as np
import pytest

from apps.predictions.estimators import make
from apps.predictions.explaining import counterfactual, importance, reasons, told

NAMES = ["events", "recency_h", "count:Order Completed", "gone with an old release"]


def score(row: list[float | None]) -> float:
    """Rises with events and orders, falls with recency; unknown counts as 0."""
    events, recency, orders, _ = (value or 0.0 for value in row)
    return 1 / (1 + math.exp(-(0.2 * events - 0.1 * recency + orders - 1)))


OBSERVED = {
    "events": [1.0, 2.0, 4.0, 8.0, 16.0],
    "recency_h": [1.0, 5.0, 20.0, 40.0],
    "count:Order Completed": [0.0, 0.5, 1.0],
}


def test_reasons_are_in_words_strongest_first_and_say_which_way():
    found = reasons(NAMES, [12.0, None, 1.5, math.nan], [0.6, -1.4, 0.005, 0.0, -2.0])
    assert [one.words for one in found] == [
        "hours since the last event: not known lowers it (70%)",
        "number of events: 12 raises it (30%)",
    ]


def test_a_feature_that_nothing_computes_any_more_is_told_by_its_name():
    (found,) = reasons([NAMES[3]], [1.0], [2.0, 0.0])
    assert found.words == "gone with an old release: 1 raises it (100%)"


def test_shares_of_a_models_contributions_are_its_importance():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(500, 3))
    y = (x[:, 1] + 0.2 * x[:, 0] > 0).astype(float)
    model = make("trees", {"trees": 20}, seed=0).fit(x, y)
    found = importance(["a", "b", "c"], model.contributions(x).tolist())
    assert next(name for name, _ in found) == "b"
    assert sum(share for _, share in found) == pytest.approx(1)


def test_the_least_change_of_one_feature_carries_a_score_over_the_threshold():
    row = [4.0, 20.0, 0.0, 1.0]
    found = counterfactual(score, row, NAMES, OBSERVED, threshold=0.4)
    assert found.score >= 0.4 > score(row)
    assert found.values == {"recency_h": 1.0} or len(found.values) == 1
    assert "above the threshold, if" in found.words
    assert found.score == score([found.values.get(name, value)
                                 for name, value in zip(NAMES, row, strict=True)])  # fmt: skip


def test_where_one_is_not_enough_two_are_named():
    row = [1.0, 40.0, 0.0, None]
    single = max(score([16.0, *row[1:]]), score([row[0], 1.0, *row[2:]]))
    threshold = (single + score([16.0, 1.0, 1.0, None])) / 2
    found = counterfactual(score, row, NAMES, OBSERVED, threshold=threshold)
    assert len(found.values) == 2
    assert found.score >= threshold
    assert " and " in found.words


def test_who_is_over_the_threshold_is_told_what_would_carry_them_below():
    row = [16.0, 1.0, 1.0, None]
    found = counterfactual(score, row, NAMES, OBSERVED, threshold=0.75)
    assert found.score < 0.75 <= score(row)
    assert "below the threshold" in found.words


def test_nothing_is_made_up_where_no_value_that_people_have_would_do():
    assert counterfactual(score, [1.0, 40.0, 0.0, 0.0], NAMES, OBSERVED, threshold=0.999) is None
    assert counterfactual(score, [1.0, 40.0, 0.0, 0.0], NAMES, {}, threshold=0.5) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "not known"), (3.0, "3"), (12345.0, "12,345"), (0.256, "0.26"), (31.26, "31.3")],
    ids=["unknown", "whole", "large", "small", "tens"],
)
def test_values_are_told_as_a_person_writes_them(value, words):
    assert told(value) == words
