"""Two arms compared: rates, means and ratios, with what cannot be said left empty and explained.

Differences are b minus a. Levels are two-sided `alpha`s; rates lie in 0..1. A field is None where
the data say nothing about it, and `reason` then says why; nothing here is NaN or infinite.
Sources: Newcombe, Stat. Med. 17 (1998), method 10; Welch, Biometrika 34 (1947); Deng et al., KDD
2018 (the delta method for ratios).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Interval = tuple[float, float]
Vector = NDArray[np.float64]
MOST_EXACT: Final = 10_000_000  # people: the exact test takes longer the more there are
EMPTY_ARM: Final = "An arm has nobody in it."
TOO_FEW: Final = "An arm needs at least two people."
NO_VARIANCE: Final = "Nothing varies: everybody did the same."
ZERO_BASELINE: Final = "The first arm is at zero: there is no relative change of nothing."


@dataclass(frozen=True, slots=True)
class Rates:
    """How two conversion rates differ."""

    rate_a: float | None = None
    rate_b: float | None = None
    diff: float | None = None
    z_pooled: float | None = None
    p_pooled: float | None = None
    z_unpooled: float | None = None
    p_unpooled: float | None = None
    ci_diff_wald: Interval | None = None
    ci_diff_newcombe: Interval | None = None
    lift: float | None = None
    se_lift_delta: float | None = None
    ci_lift_delta: Interval | None = None
    p_fisher: float | None = None
    reason: str | None = None


def normal_quantile(probability: float) -> float:
    """Return the standard normal's quantile."""
    return float(special.ndtri(probability))


def two_sided(z: float) -> float:
    """Return the two-sided p-value of a standard normal z."""
    return float(2.0 * special.ndtr(-abs(z)))


def around(center: float, half: float) -> Interval:
    """The interval of this half width."""
    return center - half, center + half


def compare_rates(
    x_a: int, n_a: int, x_b: int, n_b: int, alpha: float = 0.05, *, is_exact: bool = True
) -> Rates:
    """Compare two conversion rates; `n` are the units that were randomised, never page views.

    Args:
        is_exact: with Fisher's test, which takes far longer than all the rest.

    Raises:
        ValueError: counts that cannot be.
    """
    if min(x_a, x_b) < 0 or x_a > n_a or x_b > n_b:
        raise ValueError("Converted units are counted among the units: 0 <= x <= n.")
    if min(n_a, n_b) <= 0:
        return Rates(reason=EMPTY_ARM)
    a, b = x_a / n_a, x_b / n_b
    diff = b - a
    q = normal_quantile(1 - alpha / 2)
    var_a, var_b = a * (1 - a) / n_a, b * (1 - b) / n_b
    both = (x_a + x_b) / (n_a + n_b)
    pooled = math.sqrt(both * (1 - both) * (1 / n_a + 1 / n_b))
    own = math.sqrt(var_a + var_b)
    lift = se_lift = None
    if a > 0:
        lift = diff / a
        se_lift = math.sqrt(var_b / a**2 + var_a * b**2 / a**4)
    reason = None if pooled > 0 else NO_VARIANCE
    if a == 0 and reason is None:
        reason = ZERO_BASELINE
    return Rates(
        rate_a=a,
        rate_b=b,
        diff=diff,
        z_pooled=diff / pooled if pooled else None,
        p_pooled=two_sided(diff / pooled) if pooled else None,
        z_unpooled=diff / own if own else None,
        p_unpooled=two_sided(diff / own) if own else None,
        ci_diff_wald=around(diff, q * own),
        ci_diff_newcombe=_newcombe(a, n_a, b, n_b, q),
        lift=lift,
        se_lift_delta=se_lift,
        ci_lift_delta=None if lift is None or se_lift is None else around(lift, q * se_lift),
        p_fisher=_fisher(x_a, n_a, x_b, n_b) if is_exact else None,
        reason=reason,
    )


def _fisher(x_a: int, n_a: int, x_b: int, n_b: int) -> float | None:
    """The exact test; None of more people than it can be worked out for, where z says the same."""
    if n_a + n_b > MOST_EXACT:
        return None
    return float(stats.fisher_exact([[x_a, n_a - x_a], [x_b, n_b - x_b]])[1])


def _newcombe(a: float, n_a: int, b: float, n_b: int, q: float) -> Interval:
    low_a, high_a = _wilson(a, n_a, q)
    low_b, high_b = _wilson(b, n_b, q)
    diff = b - a
    return (
        diff - math.hypot(b - low_b, high_a - a),
        diff + math.hypot(high_b - b, a - low_a),
    )


def _wilson(rate: float, n: int, q: float) -> Interval:
    center = (rate + q * q / (2 * n)) / (1 + q * q / n)
    half = q / (1 + q * q / n) * math.sqrt(rate * (1 - rate) / n + q * q / (4 * n * n))
    return around(center, half)


@dataclass(frozen=True, slots=True)
class Moments:
    """A sample as far as a test of its mean needs it: n, mean, sample variance (n - 1)."""

    n: int
    mean: float
    var: float

    @classmethod
    def of(cls, values: Sequence[float] | Vector) -> "Moments":
        """Take them from the values, one a unit."""
        x = np.asarray(values, float)
        if x.size == 0:
            return cls(0, 0.0, 0.0)
        return cls(int(x.size), float(x.mean()), float(x.var(ddof=1)) if x.size > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class Means:
    """How two means differ, by Welch's test."""

    mean_a: float | None = None
    mean_b: float | None = None
    diff: float | None = None
    se: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    ci_diff: Interval | None = None
    reason: str | None = None


def compare_means(a: Moments, b: Moments, alpha: float = 0.05) -> Means:
    """Compare two means without assuming equal variances."""
    if min(a.n, b.n) < 2:
        return Means(reason=TOO_FEW)
    diff = b.mean - a.mean
    own_a, own_b = a.var / a.n, b.var / b.n
    se = math.sqrt(own_a + own_b)
    if se == 0:
        return Means(a.mean, b.mean, diff, 0.0, reason=NO_VARIANCE)
    df = (own_a + own_b) ** 2 / (own_a**2 / (a.n - 1) + own_b**2 / (b.n - 1))
    t = diff / se
    half = float(special.stdtrit(df, 1 - alpha / 2)) * se
    return Means(
        a.mean, b.mean, diff, se, t, df, float(2 * special.stdtr(df, -abs(t))), around(diff, half)
    )


@dataclass(frozen=True, slots=True)
class Ratios:
    """How two ratios of sums differ, such as clicks per view with the visitor as the unit."""

    ratio_a: float | None = None
    ratio_b: float | None = None
    diff: float | None = None
    se_diff: float | None = None
    z: float | None = None
    p_z: float | None = None
    ci_diff_z: Interval | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RatioMoments:
    """One arm of a ratio metric: n units, means, sample variances and covariance (n - 1)."""

    n: int
    mean_num: float
    mean_den: float
    var_num: float
    var_den: float
    cov: float

    @classmethod
    def of(cls, num: Sequence[float], den: Sequence[float]) -> "RatioMoments":
        """Take them from one number a unit each.

        Raises:
            ValueError: not one denominator for each numerator.
        """
        if len(num) != len(den):
            raise ValueError("Each unit needs a numerator and a denominator.")
        if len(num) < 2:
            return cls(len(num), 0.0, 0.0, 0.0, 0.0, 0.0)
        table = np.cov(np.asarray([num, den], float), ddof=1)
        return cls(
            len(num), float(np.mean(num)), float(np.mean(den)),
            float(table[0, 0]), float(table[1, 1]), float(table[0, 1]),
        )  # fmt: skip

    @property
    def variance(self) -> float:
        """Of the ratio, by the delta method."""
        ratio = self.mean_num / self.mean_den
        spread = self.var_num - 2 * ratio * self.cov + ratio**2 * self.var_den
        return max(spread, 0.0) / (self.n * self.mean_den**2)


def compare_ratios(a: RatioMoments, b: RatioMoments, alpha: float = 0.05) -> Ratios:
    """Compare two ratios of sums. The rows are the units: whoever has many views counts once."""
    if min(a.n, b.n) < 2:
        return Ratios(reason=TOO_FEW)
    if a.mean_den == 0 or b.mean_den == 0:
        return Ratios(reason="An arm has nothing to divide by: its denominators sum to zero.")
    ratio_a, ratio_b = a.mean_num / a.mean_den, b.mean_num / b.mean_den
    diff, se = ratio_b - ratio_a, math.sqrt(a.variance + b.variance)
    if se == 0:
        return Ratios(ratio_a, ratio_b, diff, 0.0, reason=NO_VARIANCE)
    half = normal_quantile(1 - alpha / 2) * se
    return Ratios(ratio_a, ratio_b, diff, se, diff / se, two_sided(diff / se), around(diff, half))
