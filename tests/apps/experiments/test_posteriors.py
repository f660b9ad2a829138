"""How likely one rate beats another: the integral against sums and shapes that are exact."""

import math

import pytest

from apps.experiments.domain import bayes
from apps.experiments.domain.bayes import compare_posteriors


def exactly(x_a: int, n_a: int, x_b: int, n_b: int) -> float:
    """P(B > A) of flat priors as a finite sum: Evan Miller, Formulas for Bayesian A/B Testing."""
    a, b = (x_a + 1, n_a - x_a + 1), (x_b + 1, n_b - x_b + 1)

    def ln_beta(one: float, other: float) -> float:
        return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)

    return math.fsum(
        math.exp(
            ln_beta(a[0] + i, a[1] + b[1]) - math.log(b[1] + i) - ln_beta(1 + i, b[1]) - ln_beta(*a)
        )
        for i in range(b[0])
    )


@pytest.mark.parametrize(
    "counts",
    [(0, 0, 0, 0), (0, 10, 3, 10), (5, 10, 5, 10), (33, 333, 41, 327), (100, 5_000, 130, 5_100),
     (3, 4, 700, 1_000), (700, 1_000, 3, 4), (0, 2_000, 0, 50), (40, 40, 39, 40)],
)  # fmt: skip
def test_the_chance_is_that_of_the_exact_sum(counts: tuple[int, int, int, int]) -> None:
    found = compare_posteriors(*counts)
    assert found.prob_b_beats_a == pytest.approx(exactly(*counts), abs=1e-9)


@pytest.mark.parametrize("prior", [(1.0, 1.0), (0.5, 0.5), (3.0, 30.0)])
@pytest.mark.parametrize("counts", [(0, 0, 2, 9), (33, 333, 41, 327), (9, 10, 80, 100)])
def test_losses_are_those_of_the_quantiles(
    counts: tuple[int, int, int, int], prior: tuple[float, float]
) -> None:
    x_a, n_a, x_b, n_b = counts
    a, b = (x_a + prior[0], n_a - x_a + prior[1]), (x_b + prior[0], n_b - x_b + prior[1])
    chance, loss = bayes._beaten_by_quantiles(a, b)
    found = compare_posteriors(*counts, prior)
    assert found.prob_b_beats_a == pytest.approx(chance, abs=1e-6)
    assert found.expected_loss_choose_b == pytest.approx(loss, abs=1e-6)


def test_a_rate_known_to_the_last_digit_is_beaten_as_often_as_the_other_lies_above_it() -> None:
    # Ten million people: a is a half, and B has the density 12 x^2 (1 - x).
    found = compare_posteriors(5_000_000, 10_000_000, 2, 3)
    assert found.prob_b_beats_a == pytest.approx(0.6875, abs=1e-6)
