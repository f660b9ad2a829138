"""Posteriors, labelled as such: how likely is b better, and what is lost if it is not.

Everything is integrated, nothing sampled. Sources: Gelman et al., Bayesian Data Analysis; Stucchio
(2015) for expected loss; GrowthBook's documentation for the normal posterior of the lift; Trefethen
and Weideman, SIAM Review 56 (2014), for the trapezoid rule, whose error falls exponentially.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
# Of the integrals over log-odds: nodes a standard deviation, the longest step (the poles of the
# integrand lie at +-i pi), how far out the density is looked at first and next, what is nothing.
_FINE: Final = 3.0
_COARSEST: Final = 0.5
_FIRST: Final = 8.0
_FURTHER: Final = 1.25
_NOTHING: Final = 40.0  # e^-40 of the peak
LEAST_SHAPE: Final = 0.5  # of a posterior: below it tails in log-odds are long
Posterior = tuple[float, float]


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
    mean_a, mean_b = a[0] / sum(a), b[0] / sum(b)
    beats, loss_b = _beaten(a, b)
    low, high = special.betaincinv(*b, [0.025, 0.975])
    return RatePosterior(
        beats,
        max(loss_b, 0.0),
        max(loss_b + mean_b - mean_a, 0.0),
        mean_a,
        mean_b,
        (float(low), float(high)),
    )


def _beaten(a: Posterior, b: Posterior) -> tuple[float, float]:
    """The chance that B > A, and E[(A - B)+].

    The narrower of the two is integrated over: the other one's distribution is smooth on its nodes.
    What is known of one given rate is in closed form: E[(A - q)+] and E[(q - B)+] of a beta.
    """
    if min(*a, *b) < LEAST_SHAPE:
        return _beaten_by_quantiles(a, b)
    if 1 / a[0] + 1 / a[1] < 1 / b[0] + 1 / b[1]:
        rates, shares = _nodes(a)
        below = special.betainc(*b, rates)
        mean = b[0] / sum(b)
        over = rates * below - mean * special.betainc(b[0] + 1, b[1], rates)
        return float(1 - below @ shares), float(over @ shares)
    rates, shares = _nodes(b)
    below = special.betainc(*a, rates)
    mean = a[0] / sum(a)
    over = mean * special.betaincc(a[0] + 1, a[1], rates) - rates * (1 - below)
    return float(below @ shares), float(over @ shares)


def _nodes(own: Posterior) -> tuple[Vector, Vector]:
    """Rates at which a beta is worth looking at, and the weight of each: the sum is 1.

    Even steps of the log-odds, in which every beta has one smooth peak and tails that fall at least
    exponentially: as far out as the density is `_NOTHING` of its peak.
    """
    peak, spread = math.log(own[0] / own[1]), math.sqrt(1 / own[0] + 1 / own[1])
    step = min(spread / _FINE, _COARSEST)
    at = _log_density(own, peak)

    def reach(side: int) -> float:
        out = _FIRST * spread
        while at - _log_density(own, peak + side * out) < _NOTHING:
            out *= _FURTHER
        return out

    odds = peak + step * np.arange(-math.ceil(reach(-1) / step), math.ceil(reach(1) / step) + 1)
    logs = -own[0] * np.logaddexp(0, -odds) - own[1] * np.logaddexp(0, odds)
    shares = np.exp(logs - at)
    return special.expit(odds), shares / shares.sum()


def _log_density(own: Posterior, odds: float) -> float:
    """Of the log-odds, up to a constant."""
    more = math.log1p(math.exp(-abs(odds)))
    return -own[0] * (more + max(-odds, 0.0)) - own[1] * (more + max(odds, 0.0))


def _beaten_by_quantiles(a: Posterior, b: Posterior) -> tuple[float, float]:
    """The same over the quantiles of B: slow, and good for densities that are at an end."""
    quantiles = special.betaincinv(*b, LEVELS)
    below = special.betainc(*a, quantiles)
    over = a[0] / sum(a) * special.betaincc(a[0] + 1, a[1], quantiles) - quantiles * (1 - below)
    return float(below @ SHARES), float(over @ SHARES)


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
