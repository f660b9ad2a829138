"""Sums of days say what all the people say: nothing is lost by not keeping them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.experiments.domain import cuped
from apps.experiments.domain.comparing import Moments, RatioMoments, compare_means, compare_ratios
from apps.experiments.domain.sums import Sums, compare, compare_ratio, post_stratified, total

VALUES = st.lists(
    st.tuples(*[st.floats(-50, 50).map(lambda value: round(value, 3))] * 3), min_size=2, max_size=40
)


def sums(rows: list[tuple[float, ...]]) -> Sums:
    y, d, x = (list(column) for column in zip(*rows, strict=True))
    return Sums.of(y, d, x)


@given(rows=VALUES, cuts=st.lists(st.integers(0, 40), max_size=4))
def test_days_add_up_to_the_whole_however_they_are_cut(
    rows: list[tuple[float, ...]], cuts: list[int]
) -> None:
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    days = [rows[a:b] for a, b in pairwise(edges)]
    whole, added = sums(rows), total(sums(day) for day in days)
    assert added.n == whole.n
    for name in ("y", "yy", "d", "dd", "yd", "x", "xx", "xy"):
        assert getattr(added, name) == pytest.approx(getattr(whole, name), abs=1e-6)


def people(seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    pre_a, pre_b = rng.gamma(2, 5, 400), rng.gamma(2, 5, 380)
    post_a = 0.7 * pre_a + rng.normal(0, 2, 400)
    post_b = 0.7 * pre_b + rng.normal(0.5, 2, 380)
    return pre_a, post_a, pre_b, post_b


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_from_sums_as_from_people(seed: int) -> None:
    pre_a, post_a, pre_b, post_b = people(seed)
    a = Sums.of(post_a.tolist(), x=pre_a.tolist())
    b = Sums.of(post_b.tolist(), x=pre_b.tolist())
    found = compare(a, b)
    wanted = cuped.adjust(pre_a.tolist(), post_a.tolist(), pre_b.tolist(), post_b.tolist())
    assert found.theta == pytest.approx(wanted.theta)
    assert found.reduction == pytest.approx(wanted.variance_reduction)
    assert found.used.diff == pytest.approx(wanted.diff_cuped)
    assert found.used.p == pytest.approx(wanted.p_welch_cuped)
    assert found.used.ci_diff == pytest.approx(wanted.ci_cuped)
    plain = compare_means(Moments.of(post_a), Moments.of(post_b))
    assert found.plain.ci_diff == pytest.approx(plain.ci_diff)


def test_ratios_from_sums_as_from_people() -> None:
    rng = np.random.default_rng(9)
    views_a, views_b = rng.integers(1, 20, 300), rng.integers(1, 20, 320)
    clicks_a, clicks_b = rng.binomial(views_a, 0.2), rng.binomial(views_b, 0.25)
    found = compare_ratio(
        Sums.of(clicks_a.tolist(), views_a.tolist()), Sums.of(clicks_b.tolist(), views_b.tolist())
    )
    wanted = compare_ratios(
        RatioMoments.of(clicks_a.tolist(), views_a.tolist()),
        RatioMoments.of(clicks_b.tolist(), views_b.tolist()),
    )
    assert found.diff == pytest.approx(wanted.diff)
    assert found.se_diff == pytest.approx(wanted.se_diff)


def test_without_a_past_the_plain_difference_is_used_and_said() -> None:
    found = compare(Sums.of([1, 0, 1, 0]), Sums.of([1, 1, 1, 0]))
    assert found.used == found.plain
    assert found.theta is None
    assert found.note


def test_an_arm_of_one_says_nothing() -> None:
    found = compare(Sums.of([1.0]), Sums.of([1.0, 2.0]))
    assert found.plain.p is None
    assert found.note


def test_strata_take_out_who_came_into_which_arm() -> None:
    # Within each stratum nothing differs; the arms have other shares of them.
    low, high = [0.0, 1.0] * 50, [10.0, 11.0] * 50
    strata = [(Sums.of(low), Sums.of(low[:40])), (Sums.of(high[:40]), Sums.of(high))]
    naive = compare(strata[0][0] + strata[1][0], strata[0][1] + strata[1][1])
    assert naive.plain.p is not None
    assert naive.plain.p < 0.001
    found = post_stratified(strata)
    assert found.diff == pytest.approx(0.0)
    assert found.p == pytest.approx(1.0)
    assert post_stratified([(Sums(), Sums())]).reason
