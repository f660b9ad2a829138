"""Posteriors, labelled as such: how likely is b better, and what is lost if it is not.

Everything is integrated, nothing sampled. Sources: Gelman et al., Bayesian Data Analysis; Stucchio
(2015) for expected loss; GrowthBook's documentation for the normal posterior of the lift.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from apps.experiments.domain.comparing import (
    EMPTY_ARM,
    NO_VARIANCE,
    ZERO_BASELINE,
    Interval,
    Vector,
    around,
    compare_rates,
    normal_quantile,
)

# The unit interval, for integrals over the quantiles of a posterior: no peak is ever missed. The
# nodes crowd towards both ends, where quantiles run away.
_T, _W = np.polynomial.legendre.leggauss(600)
_U: Vector = (_T + 1) / 2
LEVELS: Vector = _U * _U * (3 - 2 * _U)
SHARES: Vector = _W / 2 * 6 * _U * (1 - _U)


@dataclass(frozen=True, slots=True)
class RatePosterior:
    """Two conversion rates, each with a beta posterior."""

    prob_b_beats_a: float | None = None
    expected_loss_choose_b: float | None = None
    expected_loss_choose_a: float | None = None
    mean_a: float | None = None
    mean_b: float | None = None
    ci95_b: Interval | None = None
    reason: str | None = None


def compare_posteriors(
    x_a: int, n_a: int, x_b: int, n_b: int, prior: tuple[float, float] = (1.0, 1.0)
) -> RatePosterior:
    """Compare two rates; losses are in absolute rate: E[max(A - B, 0)] when b is chosen.

    Raises:
        ValueError: counts that cannot be, or a prior that is none.
    """
    if min(x_a, x_b) < 0 or x_a > n_a or x_b > n_b or min(prior) <= 0:
        raise ValueError("Give 0 <= x <= n for each arm, and a prior above zero.")
    a = (x_a + prior[0], n_a - x_a + prior[1])
    b = (x_b + prior[0], n_b - x_b + prior[1])
    quantiles = special.betaincinv(*b, LEVELS)
    below = special.betainc(*a, quantiles)
    mean_a, mean_b = a[0] / sum(a), b[0] / sum(b)
    # E[(A - q)+] of a beta in closed form, averaged over the quantiles q of b.
    over = mean_a * special.betaincc(a[0] + 1, a[1], quantiles) - quantiles * (1 - below)
    loss_b = float(over @ SHARES)
    low, high = special.betaincinv(*b, [0.025, 0.975])
    return RatePosterior(
        float(below @ SHARES),
        max(loss_b, 0.0),
        max(loss_b + mean_b - mean_a, 0.0),
        mean_a,
        mean_b,
        (float(low), float(high)),
    )


def chances_to_be_best(posteriors: Sequence[tuple[float, float]]) -> list[float]:
    """Return for each beta posterior the chance that its rate is the highest. They sum to 1."""
    found = []
    for place, own in enumerate(posteriors):
        quantiles = special.betaincinv(*own, LEVELS)
        under = np.ones_like(quantiles)
        for other, posterior in enumerate(posteriors):
            if other != place:
                under = under * special.betainc(*posterior, quantiles)
        found.append(float(under @ SHARES))
    total = sum(found)
    return [one / total for one in found]


@dataclass(frozen=True, slots=True)
class LiftPosterior:
    """The relative lift of b over a, with a normal posterior."""

    chance_to_win: float | None = None
    expected_lift: float | None = None
    ci95_lift: Interval | None = None
    risk_control: float | None = None
    risk_treatment: float | None = None
    reason: str | None = None


def lift_posterior(
    x_a: int, n_a: int, x_b: int, n_b: int, prior: tuple[float, float] | None = None
) -> LiftPosterior:
    """Return what is believed of the lift; `prior` is its mean and standard deviation, None: flat.

    `risk_control` is what is lost on average by keeping a, `risk_treatment` by shipping b.

    Raises:
        ValueError: counts that cannot be.
    """
    compared = compare_rates(x_a, n_a, x_b, n_b, is_exact=False)
    if compared.lift is None or compared.se_lift_delta is None:
        return LiftPosterior(reason=EMPTY_ARM if min(n_a, n_b) <= 0 else ZERO_BASELINE)
    mean, se = compared.lift, compared.se_lift_delta
    if se == 0:
        return LiftPosterior(expected_lift=mean, reason=NO_VARIANCE)
    if prior is not None:
        weight, known = 1 / se**2, 1 / prior[1] ** 2
        mean = (mean * weight + prior[0] * known) / (weight + known)
        se = math.sqrt(1 / (weight + known))
    z = mean / se
    gained = mean * float(special.ndtr(z)) + se * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return LiftPosterior(
        float(special.ndtr(z)),
        mean,
        around(mean, normal_quantile(0.975) * se),
        gained,
        max(gained - mean, 0.0),
    )
