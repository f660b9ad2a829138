"""Trials: nothing of the future is learned, differences carry intervals, and the winner is sure."""

import numpy as np
import pytest

from apps.recommendations.comparing import compared, cut_of
from apps.recommendations.domain import trials
from apps.recommendations.domain.ranking import quality
from apps.recommendations.domain.seen import Seen
from apps.recommendations.domain.shelf import FEWEST
from apps.recommendations.domain.trials import (
    TrialFigures,
    gini_of,
    judged,
    surely_above,
    winner,
)
from tests.apps.recommendations.test_methods import DAY, FACTS, SMALL, walks

CODES = [f"P{number:02d}" for number in range(30)]


def told(method: str, each: "np.ndarray") -> TrialFigures:
    """A method that has done so well by each person."""
    mean = float(each.mean())
    figures = {"ndcg": (mean, mean - 0.01, mean + 0.01)}
    return TrialFigures(method, len(each), 10 * len(each), figures, mean, None, each)


def test_what_comes_next_is_found_where_visits_have_an_order_and_the_figures_are_told():
    seen = walks()
    found = compared(
        seen, FACTS, SMALL, ("followed_by", "als", "neighbours", "content"), cut_s=24 * DAY
    )
    by = {one.method: one for one in found.found}
    assert set(by) == {
        "popular", "followed_by", "als", "neighbours", "content", "ever_popular", "last_item",
        "most_recent",
    }  # fmt: skip
    assert by["followed_by"].is_above_popular_alone
    assert {one.steps for one in found.found} == {len(found.steps)}
    for one in found.found:
        for name, (value, low, high) in one.figures.items():
            assert low <= value <= high, name
        assert 0 <= one.figures["coverage"][0] <= 1 and 0 <= one.figures["gini"][0] < 1
    method, words = winner(found.found, ("followed_by", "neighbours", "als", "content"))
    assert method == "followed_by"
    assert words.startswith("Best on ") and "above what is popular by" in words


def test_the_same_trial_twice_gives_the_same_figures():
    one, other = (
        compared(walks(), FACTS, SMALL, ("followed_by",), cut_s=24 * DAY) for _ in range(2)
    )
    assert [(f.method, f.figures, f.over_popular) for f in one.found] == [
        (f.method, f.figures, f.over_popular) for f in other.found
    ]


def test_what_comes_after_the_cut_changes_what_is_asked_and_nothing_that_was_learned():
    seen = walks()
    cut = 24 * DAY
    after = seen.at_s > cut
    turned = seen.taken(np.arange(len(seen)))
    turned.item[after] = (turned.item[after] * 7 + 3) % 30
    asked: dict[str, list[tuple[str, ...]]] = {}
    for name, data in (("one", seen), ("other", turned)):
        known = compared(data, FACTS, SMALL, ("followed_by",), cut_s=cut)
        before = data.until(cut)
        assert before.digest() == seen.until(cut).digest()
        asked[name] = [step.following for step in known.steps]
    assert asked["one"] != asked["other"]


def test_each_person_counts_once_and_figures_are_those_of_the_textbook():
    steps = [
        trials.Step(0, (("P01", 1.0),), frozenset(), "P02"),
        trials.Step(0, (("P02", 1.0),), frozenset(), "P09"),
        trials.Step(1, (("P01", 1.0),), frozenset(), "P03"),
    ]
    lists = {"P01": ["P03", "P02"], "P02": ["P04"]}
    (one,) = judged(
        steps, {"mine": lambda met, out: lists[met[0][0]]}, codes=CODES, shares={"P02": 0.5}
    )
    each = [quality([lists[step.met[0][0]]], [[step.following]], 10).ndcg or 0.0 for step in steps]
    assert one.figures["ndcg"][0] == pytest.approx(((each[0] + each[1]) / 2 + each[2]) / 2)
    assert one.figures["recall"][0] == pytest.approx((0.5 + 1) / 2)
    assert one.figures["hit_rate"][0] == 1.0
    assert one.hits == pytest.approx(2 / 3)
    assert one.figures["coverage"][0] == pytest.approx(3 / 30)


def test_steps_know_what_was_met_until_then_and_leave_out_what_would_not_be_shown():
    seen = Seen(
        np.zeros(5, np.int32), np.zeros(5, np.int32), np.array([1, 2, 2, 1, 3], np.int32),
        np.array([0.0, DAY, 2 * DAY, 3 * DAY, 4 * DAY]), np.ones(5), np.ones(5, bool), CODES, 1,
    )  # fmt: skip
    given = {"leaves_seen_out": False}
    plain = trials.steps_after(seen, 0.5 * DAY, leaves_current_out=False, **given)
    assert [step.following for step in plain] == ["P02", "P02", "P01", "P03"]
    assert [code for code, _ in plain[3].met] == ["P01", "P02"]
    current = trials.steps_after(seen, 0.5 * DAY, leaves_current_out=True, **given)
    assert [step.following for step in current] == ["P02", "P01", "P03"]
    given["leaves_seen_out"] = True
    unseen = trials.steps_after(seen, 0.5 * DAY, leaves_current_out=True, **given)
    assert [step.following for step in unseen] == ["P02", "P03"]
    assert unseen[1].left_out == {"P01", "P02"}


def test_only_who_is_surely_above_popular_wins():
    rng = np.random.default_rng(3)
    base = rng.random(100)
    popular = told("popular", base)
    noise = rng.normal(0, 3, 100)
    wild = told("als", base + 0.3 + noise - noise.mean())
    sure = told("followed_by", base + 0.1 + rng.normal(0, 0.1, 100))
    assert wild.ndcg > sure.ndcg
    assert winner([popular, wild, sure], ("followed_by", "als"))[0] == "followed_by"
    method, words = winner([popular, wild], ("followed_by", "als"))
    assert method == "popular" and "No method was surely better" in words
    few = [told("popular", base[:9]), told("als", base[:9] + 0.1)]
    method, words = winner(few, ("als",))
    assert method == "popular" and "Only 9 people" in words and str(FEWEST) in words


FIVE = ("followed_by", "neighbours", "als", "session", "content")


def test_of_five_methods_that_are_no_better_hardly_ever_one_is_called_so():
    together = alone = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        popular = told("popular", rng.normal(0.5, 0.05, 80))
        others = [told(name, popular.per_person + rng.normal(0, 0.2, 80)) for name in FIVE]
        found = [popular, *others]
        together += bool(surely_above(found, FIVE))
        alone += any(trials.paired(one, popular)[1] > 0 for one in others)
    assert alone > 24  # of 300: what five intervals of 95 % each would have called surely better
    assert together <= 15


def test_a_second_good_method_is_found_after_the_first():
    rng = np.random.default_rng(8)
    popular = told("popular", rng.random(400))
    each = [popular.per_person + shift + rng.normal(0, 0.2, 400) for shift in (0.2, 0.05, 0.0)]
    found = [popular, *map(told, FIVE[:3], each)]
    above = surely_above(found, FIVE)
    assert set(above) == {"followed_by", "neighbours"}
    for mean, low, high in above.values():
        assert 0 < low < mean < high


def test_trees_have_to_be_surely_above_plain_followers():
    rng = np.random.default_rng(1)
    base = rng.random(200)
    popular, simple = told("popular", base - 0.2), told("followed_by", base)
    noise = rng.normal(0, 0.05, 200)
    trees = told("session", base + 0.0005 + noise - noise.mean())
    assert trees.ndcg > simple.ndcg
    assert winner([popular, simple, trees], ("followed_by", "session"))[0] == "followed_by"
    better = told("session", base + 0.1)
    assert winner([popular, simple, better], ("followed_by", "session"))[0] == "session"


def test_nobody_to_follow_is_said_and_popular_serves():
    found = compared(walks(people=2), FACTS, SMALL, ("followed_by",), cut_s=31 * DAY)
    assert found.steps == [] and {one.people for one in found.found} == {0}
    assert winner(found.found, ("followed_by",))[0] == "popular"


def test_the_cut_is_a_tenth_of_the_time_and_a_day_at_least():
    seen = walks()
    first, newest = seen.at_s.min(), seen.newest_s
    assert cut_of(seen) == pytest.approx(newest - (newest - first) / 10)
    short = seen.taken(seen.at_s < first + 2 * DAY)
    assert cut_of(short) == pytest.approx(short.newest_s - DAY)


def test_the_gini_index_is_that_of_the_definition():
    assert gini_of(np.array([1.0, 1.0, 1.0, 1.0])) == pytest.approx(0)
    assert gini_of(np.array([0.0, 0.0, 0.0, 4.0])) == pytest.approx(0.75)
    values = np.array([1.0, 2.0, 5.0])
    pairs = np.abs(values[:, None] - values[None, :]).sum()
    assert gini_of(values) == pytest.approx(pairs / (2 * 3 * values.sum()))
    assert gini_of(np.zeros(3)) == 0
