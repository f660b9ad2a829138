"""Lifetime value: the parameters that made the data are found again, and forecasts come true."""

import numpy as np
import pytest

from apps.predictions.domain.lifetime import (
    MIN_REPEATERS,
    Buying,
    Spending,
    chance_alive,
    expected_purchases,
    expected_spending,
    fit_buying,
    fit_spending,
)

TRUE = Buying(r=0.9, alpha=12.0, a=0.8, b=2.5)


def bought(people: int, until: float, further: float, seed: int = 4) -> tuple[np.ndarray, ...]:
    """(x, t_x, age, purchases in the time after) of customers whom the model itself describes."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(until / 2, until, people)
    rate = rng.gamma(TRUE.r, 1 / TRUE.alpha, people)
    leaves = rng.beta(TRUE.a, TRUE.b, people)
    x, t_x, later = np.zeros(people), np.zeros(people), np.zeros(people)
    for one in range(people):
        at = 0.0
        while True:
            at += rng.exponential(1 / rate[one])
            if at > age[one] + further:
                break
            if at <= age[one]:
                x[one], t_x[one] = x[one] + 1, at
            else:
                later[one] += 1
            if rng.random() < leaves[one]:
                break
    return x, t_x, age, later


def test_the_parameters_that_made_the_data_are_found_again() -> None:
    x, t_x, age, _ = bought(6_000, 100.0, 0.0)
    found = fit_buying(x, t_x, age)
    assert found is not None
    assert found.r == pytest.approx(TRUE.r, rel=0.15)
    assert found.alpha == pytest.approx(TRUE.alpha, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(TRUE.a / (TRUE.a + TRUE.b), rel=0.1)


def test_what_is_foreseen_comes_true_in_sum() -> None:
    x, t_x, age, later = bought(6_000, 100.0, 30.0)
    by = fit_buying(x, t_x, age)
    assert by is not None
    foreseen = expected_purchases(by, 30.0, x, t_x, age)
    assert foreseen.sum() == pytest.approx(later.sum(), rel=0.05)
    most = np.argsort(-foreseen)[:600]
    assert later[most].mean() > 3 * later.mean()


def test_the_unit_of_time_does_not_matter() -> None:
    x, t_x, age, _ = bought(2_000, 100.0, 0.0)
    weeks, days = fit_buying(x, t_x, age), fit_buying(x, 7 * t_x, 7 * age)
    assert weeks is not None
    assert days is not None
    one = expected_purchases(weeks, 10.0, x, t_x, age)
    other = expected_purchases(days, 70.0, x, 7 * t_x, 7 * age)
    assert np.allclose(one, other, rtol=0.01)


def test_who_has_bought_often_and_not_for_long_is_gone() -> None:
    age = np.full(2, 100.0)
    gone, here = chance_alive(TRUE, np.array([8.0, 8.0]), np.array([20.0, 97.0]), age)
    assert gone < 0.05 < 0.9 < here


def test_nobody_says_what_a_single_parameter_of_one_would_be() -> None:
    near = Buying(TRUE.r, TRUE.alpha, 1.0, TRUE.b)
    beside = Buying(TRUE.r, TRUE.alpha, 1.0001, TRUE.b)
    given = (np.array([3.0]), np.array([20.0]), np.array([30.0]))
    assert expected_purchases(near, 26, *given)[0] == pytest.approx(
        expected_purchases(beside, 26, *given)[0], rel=1e-3
    )


def test_spending_is_found_again_and_few_purchases_lean_to_the_mean() -> None:
    rng = np.random.default_rng(8)
    x = rng.integers(1, 12, 5_000).astype(float)
    level = rng.gamma(4.0, 1 / 15.0, 5_000)  # q, 1 / v
    mean_value = rng.gamma(6.0 * x, 1 / (level * x))
    by = fit_spending(x, mean_value)
    assert by is not None
    assert by.v * by.p / (by.q - 1) == pytest.approx(30.0, rel=0.1)  # the mean of what made them
    once, often = expected_spending(by, np.array([1.0, 10.0]), np.array([90.0, 90.0]))
    assert 30.0 < once < often < 90.0
    (never,) = expected_spending(by, np.array([0.0]), np.array([0.0]))
    assert never == pytest.approx(by.v * by.p / (by.q - 1))


def test_too_few_who_came_back_say_nothing() -> None:
    few = np.r_[np.ones(MIN_REPEATERS - 1), np.zeros(500)]
    assert fit_buying(few, few, np.full(len(few), 10.0)) is None
    assert fit_spending(few, few) is None
    assert isinstance(
        fit_spending(np.ones(MIN_REPEATERS), np.linspace(1, 9, MIN_REPEATERS)), Spending
    )
