"""Shares of bandits: exact, above their floors, learned without bias, and worth their while."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apps.experiments.domain import bandits
from apps.experiments.domain.bandits import EVERYBODY, MOST_STEP, PARTS
from apps.experiments.domain.weighted import Weighted, together

RNG = np.random.default_rng


def rate(yes: int, n: int) -> Weighted:
    """Participants of even weights."""
    return Weighted.of([1.0] * yes + [0.0] * (n - yes), [0.5] * n)


def drawn(posteriors: list[tuple[float, float]], rng: np.random.Generator) -> np.ndarray:
    samples = np.stack([rng.beta(a, b, 400_000) for a, b in posteriors])
    found: np.ndarray = np.bincount(samples.argmax(0), minlength=len(posteriors)) / 400_000
    return found


def test_the_chances_are_those_that_sampling_comes_near_to() -> None:
    arms = [rate(30, 400), rate(42, 400), rate(12, 90)]
    best = bandits.best_of_rates(arms)
    assert sum(best) == pytest.approx(1)
    sampled = drawn([(31, 371), (43, 359), (13, 79)], RNG(1))
    assert best == pytest.approx(sampled.tolist(), abs=0.003)
    worst = bandits.best_of_rates(arms, is_more_better=False)
    assert worst[0] > 0.9 > worst[2]


def test_averages_are_compared_with_their_spread() -> None:
    rng = RNG(2)
    arms = [
        Weighted.of(rng.normal(mean, 3, n), np.full(n, 1 / 3)) for mean, n in
        ((10.0, 300), (10.5, 300), (9.0, 300))
    ]  # fmt: skip
    best = bandits.best_of_means(arms)
    assert sum(best) == pytest.approx(1) and best[1] > best[0] > best[2]
    means, errors = [one.mean for one in arms], [one.se for one in arms]
    samples = rng.normal(means, errors, (400_000, 3)).argmax(1)
    assert best == pytest.approx((np.bincount(samples, minlength=3) / 400_000).tolist(), abs=0.01)
    turned = bandits.best_of_means(arms, is_more_better=False)
    assert turned[2] > 0.9


def test_where_nothing_is_known_the_shares_stay_even() -> None:
    nobody = [Weighted()] * 3
    assert bandits.best_of_rates(nobody) == pytest.approx([1 / 3] * 3)
    assert bandits.best_of_means(nobody) == pytest.approx([1 / 3] * 3)
    same = [Weighted.of([5.0] * 20, [0.5] * 20)] * 2
    assert bandits.best_of_means(same) == [0.5, 0.5]
    empty = {"vip": nobody, EVERYBODY: nobody}
    for best in bandits.best_by_context(empty, is_rate=True).values():
        assert best == pytest.approx([1 / 3] * 3)


PROBABILITIES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(PROBABILITIES, st.floats(0, 0.12), st.data())
def test_shares_are_whole_parts_above_the_floor_and_move_by_no_more_than_a_step(
    best: list[float], floor: float, data: st.DataObject
) -> None:
    count = len(best)
    stopped = [False] + data.draw(
        st.lists(st.booleans(), min_size=count - 1, max_size=count - 1), label="stopped"
    )
    raw = data.draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count), label="now")
    now = list(bandits.in_parts([one / sum(raw) for one in raw], 0.0, [True] * count))
    found = bandits.wanted(best, now, floor, stopped)
    assert sum(found.shares) == pytest.approx(1, abs=1e-12)
    assert all(round(one * PARTS) / PARTS == one for one in found.shares)
    least = int(floor * PARTS) / PARTS
    for share, is_stopped in zip(found.shares, stopped, strict=True):
        assert share == 0 if is_stopped else share >= least
    if not any(stopped) and min(now) >= floor:
        moved = max(abs(a - b) for a, b in zip(found.shares, now, strict=True))
        assert moved <= MOST_STEP + count / PARTS


def test_shares_come_to_rest_where_they_belong() -> None:
    now, best = (0.5, 0.5), [0.1, 0.9]
    seen = [now]
    for _ in range(8):
        now = bandits.wanted(best, now, 0.05).shares
        seen.append(now)
    assert seen[1] == (0.3, 0.7) and seen[-1] == (0.14, 0.86)
    assert bandits.wanted(best, now, 0.05).shares == now


def test_floors_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="floors"):
        bandits.wanted([0.5, 0.5], [0.5, 0.5], 0.6)
    with pytest.raises(ValueError, match="open"):
        bandits.wanted([0.5, 0.5], [0.5, 0.5], 0.1, [True, True])


# --- what is learned when shares move -------------------------------------------------------------


class Run(NamedTuple):
    """Arms, probabilities and values of everybody, in order."""

    arm: np.ndarray
    p: np.ndarray
    y: np.ndarray


def moving(rng: np.random.Generator, days: int = 20, people: int = 200) -> Run:
    """Two arms that are alike, a share that grows, and a rate that grows with it for both."""
    arm, p, y = [], [], []
    for day in range(days):
        share = 0.1 + 0.8 * day / (days - 1)
        dealt = (rng.random(people) < share).astype(int)
        rate = 0.05 + 0.25 * day / (days - 1)
        arm.append(dealt)
        p.append(np.where(dealt == 1, share, 1 - share))
        y.append((rng.random(people) < rate).astype(float))
    return Run(np.concatenate(arm), np.concatenate(p), np.concatenate(y))


def test_weighted_by_the_logged_probability_two_equal_arms_are_equal() -> None:
    """The plain averages differ by time alone; the weighted do not, and say how sure they are."""
    rng, plain, weighted, held = RNG(3), [], [], 0
    runs = 400
    for _ in range(runs):
        run = moving(rng)
        plain.append(run.y[run.arm == 1].mean() - run.y[run.arm == 0].mean())
        arms = [Weighted.of(run.y[run.arm == k], run.p[run.arm == k]) for k in (0, 1)]
        diff, se = arms[1].mean - arms[0].mean, float(np.hypot(arms[0].se, arms[1].se))
        weighted.append(diff)
        held += abs(diff) <= 1.96 * se
    error = float(np.std(weighted)) / runs**0.5
    assert abs(np.mean(weighted)) < 3 * error
    assert np.mean(plain) > 0.06  # an effect where there is none
    assert stats.binomtest(held, runs, 0.95).pvalue > 0.001


def test_weights_that_are_alike_change_nothing() -> None:
    rng = RNG(4)
    y = rng.normal(5, 2, 500)
    one = Weighted.of(y, np.full(500, 0.25))
    assert one.mean == pytest.approx(y.mean()) and one.effective == pytest.approx(500)
    assert one.se == pytest.approx(y.std(ddof=1) / 500**0.5)
    halves = [Weighted.of(part, np.full(len(part), 0.25)) for part in (y[:200], y[200:])]
    assert together(halves).mean == pytest.approx(one.mean)
    assert one.sums.n == 500
    assert one.sums.moments.mean == pytest.approx(y.mean())
    assert one.sums.moments.var == pytest.approx(y.var(ddof=1))


def test_who_is_still_open_would_speak_against_the_arm_that_grows() -> None:
    """Two equal arms, a goal that takes five days: counting everybody now, or the matured only."""
    rng, early, matured = RNG(5), [], []
    for _ in range(400):
        run = moving(rng, days=12)
        day = np.arange(len(run.y)) // 200
        took = rng.integers(0, 5, len(run.y))  # days from the exposure to the goal
        done_by_now = run.y * (day + took < 12)
        rows = ((early, done_by_now, day < 12), (matured, run.y, day + 5 <= 12))
        for into, y, among in rows:
            arms = [
                Weighted.of(y[among & (run.arm == k)], run.p[among & (run.arm == k)])
                for k in (0, 1)
            ]
            into.append((arms[0].mean, arms[1].mean))
    truth = float(np.mean([0.05 + 0.25 * day / 11 for day in range(8)]))  # of the matured days
    assert np.mean(matured, 0).tolist() == pytest.approx([truth, truth], abs=0.004)
    everyone = float(np.mean([0.05 + 0.25 * day / 11 for day in range(12)]))
    assert max(np.mean(early, 0)) < everyone - 0.03  # what has not happened yet counts as never


# --- segments that borrow -------------------------------------------------------------------------


def cells(rates: list[list[float]], sizes: list[int], rng: np.random.Generator) -> dict[str, list]:
    found: dict[str, list] = {}
    for place, (row, n) in enumerate(zip(rates, sizes, strict=True)):
        found[f"segment{place}"] = [rate(int(rng.binomial(n, one)), n) for one in row]
    return found


def picks(
    rates: list[list[float]], sizes: list[int], way: Callable[..., dict[str, list[float]]]
) -> float:
    """How often the best arm of the smallest segment has the greatest chance there."""
    hits = 0
    for seed in range(300):
        best = way(cells(rates, sizes, RNG(seed)))[f"segment{len(sizes) - 1}"]
        hits += int(np.argmax(best)) == int(np.argmax(rates[-1]))
    return hits / 300


def apart(table: dict[str, list[Weighted]]) -> dict[str, list[float]]:
    return {key: bandits.best_of_rates(arms) for key, arms in table.items()}


def pooling(table: dict[str, list[Weighted]]) -> dict[str, list[float]]:
    return bandits.best_by_context(table, is_rate=True)


def test_a_small_segment_borrows_where_segments_are_alike() -> None:
    """The levels differ a lot, the arms' advantages do not."""
    alike = [[0.05, 0.07], [0.10, 0.137], [0.30, 0.381], [0.20, 0.263]]
    sizes = [4_000, 4_000, 4_000, 60]
    assert picks(alike, sizes, pooling) > 0.97 > 0.85 > picks(alike, sizes, apart)


def test_a_large_segment_that_differs_keeps_its_own_arm() -> None:
    differs = [[0.05, 0.07], [0.10, 0.137], [0.30, 0.381], [0.263, 0.20]]
    sizes = [4_000, 4_000, 4_000, 4_000]
    assert picks(differs, sizes, pooling) > 0.97


def test_one_context_is_the_plain_case() -> None:
    arms = [rate(30, 400), rate(42, 400)]
    assert bandits.best_by_context({EVERYBODY: arms}, is_rate=True) == {
        EVERYBODY: bandits.best_of_rates(arms)
    }


def test_averages_borrow_too() -> None:
    rng = RNG(6)

    def arms(level: float, n: int) -> list[Weighted]:
        return [Weighted.of(rng.normal(level + d, 4, n), np.full(n, 0.5)) for d in (0.0, 1.0)]

    table = {"a": arms(10, 2_000), "b": arms(40, 2_000), "c": arms(25, 12)}
    best = bandits.best_by_context(table, is_rate=False)
    assert min(best["a"][1], best["b"][1]) > 0.99 and best["c"][1] > 0.85


# --- is it worth it -------------------------------------------------------------------------------


def test_what_was_gained_is_told_with_its_interval() -> None:
    few, many = Weighted.of([0.0, 1.0] * 50, [0.2] * 100), Weighted.of([1.0] * 400, [0.8] * 400)
    gain = bandits.gain_over_even([few, many])
    assert gain is not None and gain.value == pytest.approx(150 * 1.0 - 150 * 0.5)
    assert gain.low < gain.value < gain.high
    assert bandits.gain_over_even([Weighted(), many]) is None
