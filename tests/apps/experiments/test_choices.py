"""Choosing by segment or person: what is planted is found, and chance is not taken for it."""

import uuid

import numpy as np
import pytest

from apps.experiments.domain.choices import (
    NO_SUPPORT,
    ONE_ARM,
    Rounds,
    folds_of,
    words_of,
    worth_of_choosing,
)
from apps.experiments.domain.lifts import detectable, lift_of, return_of, verdict_of
from apps.experiments.domain.sums import Sums
from apps.experiments.domain.uplift_models import FEW, uplift_of


def rounds(seed: int, n: int, means: list[list[float]], p: float = 0.5) -> Rounds:
    rng = np.random.default_rng(seed)
    context = rng.integers(0, len(means), n)
    arm = (rng.random(n) < p).astype(np.int64)
    y = np.asarray(means)[context, arm] + rng.normal(0, 1, n)
    ids = [uuid.UUID(int=int(one)).bytes for one in rng.integers(0, 2**62, n)]
    return Rounds(context, arm, np.where(arm == 1, p, 1 - p), y, folds_of(ids))


def test_segments_that_want_different_arms_earn_their_keep() -> None:
    found = worth_of_choosing(rounds(1, 8_000, [[0.0, 0.6], [0.6, 0.0]], p=0.3), 2, 2)
    assert words_of(found.whole) == "earns"
    assert found.whole.interval is not None
    assert found.whole.interval[0] < 0.3 < found.whole.interval[1]  # half of them gain 0.6
    assert "earns" in {words_of(one) for one in found.contexts}


def test_the_same_arm_for_everybody_shows_nothing_to_choose() -> None:
    found = worth_of_choosing(rounds(2, 4_000, [[0.0, 1.0], [0.0, 1.0]]), 2, 2)
    assert words_of(found.whole) == "open"
    assert found.single == 1


def test_chance_is_seldom_taken_for_a_segment_that_earns() -> None:
    told = [
        words_of(worth_of_choosing(rounds(seed, 1_000, [[0.0, 0.0]] * 4), 4, 2).whole)
        for seed in range(200)
    ]
    assert told.count("earns") <= 10


def test_less_is_better_turns_the_choice() -> None:
    found = worth_of_choosing(rounds(3, 4_000, [[0.0, 1.0], [0.0, 1.0]]), 2, 2, is_up=False)
    assert found.single == 0


@pytest.mark.parametrize(("n", "p", "reason"), [(60, 0.5, NO_SUPPORT), (500, 0.0, ONE_ARM)])
def test_without_support_nothing_is_told(n: int, p: float, reason: str) -> None:
    one = rounds(4, n, [[0.0, 0.0]], p=p)
    found = worth_of_choosing(one, 1, 2)
    assert found.whole.interval is None
    assert found.whole.reason == reason


def test_whom_a_treatment_moves_is_found_and_judged_on_others() -> None:
    rng = np.random.default_rng(5)
    n = 6_000
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(0, 1, n)]).astype(float)
    treated = rng.random(n) < 0.5
    chance = 0.3 + treated * np.where(x[:, 0] == 1, 0.3, -0.2)
    y = (rng.random(n) < chance).astype(float)
    fold = rng.integers(0, 5, n)
    found = uplift_of(x, treated, np.full(n, 0.5), y, fold)
    assert found.gain is not None and words_of(found.gain) == "earns"
    assert found.share == pytest.approx(0.5, abs=0.1)
    assert found.qini is not None and found.qini > 0.1
    assert found.curve[0] == (0.0, 0.0) and found.curve[-1][0] == 1.0


def test_a_treatment_that_moves_everybody_alike_is_said_to() -> None:
    rng = np.random.default_rng(6)
    n = 4_000
    x = rng.normal(0, 1, (n, 3))
    treated = rng.random(n) < 0.5
    y = (rng.random(n) < 0.3 + 0.1 * treated).astype(float)
    found = uplift_of(x, treated, np.full(n, 0.5), y, rng.integers(0, 5, n))
    assert found.gain is not None and words_of(found.gain) != "earns"
    few = uplift_of(x[:500], treated[:500], np.full(500, 0.5), y[:500], np.zeros(500, np.int64))
    assert few.reason == FEW


def test_lift_of_turns_with_other_shares_is_not_led_astray() -> None:
    rng = np.random.default_rng(7)
    # December is better for all, and holds more people out: pooled it would look harmful.
    pairs = []
    for season, held, rest in ((1.0, 100, 1_900), (5.0, 1_000, 1_000)):
        pairs.append(
            (
                Sums.of(rng.normal(season, 1, held).tolist()),
                Sums.of(rng.normal(season + 0.5, 1, rest).tolist()),
            )
        )
    found = lift_of(pairs, "mean")
    assert found.interval is not None
    assert found.interval[0] < 0.5 < found.interval[1]
    assert verdict_of(found.interval, "up") == "earns"
    assert verdict_of(found.interval, "down") == "costs"
    money = return_of(found, 500.0)
    assert money is not None and money.net == pytest.approx(money.gained - 500)


def test_lift_says_what_it_lacks_and_more_weeks_see_smaller_changes() -> None:
    some = Sums.of([1.0, 0.0] * 50)
    assert "Nobody is held out" in str(lift_of([(Sums(), some)], "mean").reason)
    assert "held out" in str(lift_of([(some, Sums())], "mean").reason)
    assert lift_of([(Sums.of([1.0]), some)], "mean").interval is None
    found = detectable(some, some, 1_000.0, 0.05, (2, 6, 12))
    assert [weeks for weeks, _ in found] == [2, 6, 12]
    assert found[0][1] > found[1][1] > found[2][1] > 0
    assert detectable(Sums.of([0.0] * 20), Sums.of([0.0] * 20), 1_000.0, 0.05, (2,)) == []
