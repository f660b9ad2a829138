"""How many people and how long, before anything starts.

Sources: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003); Cohen (1988)
for the arcsine form. Numbers are unrounded: what is shown is the ceiling of the first.
"""

import math
from dataclasses import dataclass

from scipy import optimize, stats

from apps.experiments.domain.comparing import normal_quantile


@dataclass(frozen=True, slots=True)
class RateSize:
    """People an arm to find a change from p1 to p2."""

    p2: float | None = None
    n_per_arm_unpooled: float | None = None
    n_per_arm_pooled_null: float | None = None
    n_per_arm_arcsine: float | None = None
    reason: str | None = None


def size_for_rates(p1: float, p2: float, alpha: float, power: float) -> RateSize:
    """Return how many people each arm needs; `alpha` is two-sided."""
    if not (0 < p1 < 1 and 0 < p2 < 1):
        return RateSize(p2, reason="Both rates must lie between 0 and 1.")
    if p1 == p2:
        return RateSize(p2, reason="No number of people finds a difference of nothing.")
    z_a, z_b = normal_quantile(1 - alpha / 2), normal_quantile(power)
    own = p1 * (1 - p1) + p2 * (1 - p2)
    mean = (p1 + p2) / 2
    diff = abs(p2 - p1)
    angle = 2 * (math.asin(math.sqrt(p2)) - math.asin(math.sqrt(p1)))
    return RateSize(
        p2,
        (z_a + z_b) ** 2 * own / diff**2,
        (z_a * math.sqrt(2 * mean * (1 - mean)) + z_b * math.sqrt(own)) ** 2 / diff**2,
        2 * (_shift_for(z_a, power) / angle) ** 2,
    )


def _shift_for(bound: float, power: float) -> float:
    """How many standard errors an effect has to be, both tails counted."""

    def missing(shift: float) -> float:
        return float(stats.norm.sf(bound - shift) + stats.norm.cdf(-bound - shift)) - power

    if missing(0.0) >= 0:
        return 0.0
    return float(optimize.brentq(missing, 0.0, bound + 10))


@dataclass(frozen=True, slots=True)
class MeanSize:
    """People an arm to find a difference of means."""

    n_per_arm_t: float | None = None
    n_per_arm_z: float | None = None
    reason: str | None = None


def size_for_means(delta: float, sd: float, alpha: float, power: float) -> MeanSize:
    """Return how many people each arm needs to find `delta`, in the unit of `sd`."""
    if delta == 0 or sd <= 0:
        return MeanSize(reason="The difference and the standard deviation must not be zero.")
    effect = abs(delta) / sd
    by_z = 2 * ((normal_quantile(1 - alpha / 2) + normal_quantile(power)) / effect) ** 2
    # A t-test needs two people an arm at least; the normal's answer is a little too low.
    low, high = 2.0, max(4.0, 2 * by_z + 10)
    if _power_of_t(low, effect, alpha) >= power:
        return MeanSize(low, by_z)
    by_t = optimize.brentq(lambda n: _power_of_t(n, effect, alpha) - power, low, high)
    return MeanSize(float(by_t), by_z)


def _power_of_t(n: float, effect: float, alpha: float) -> float:
    df = 2 * n - 2
    bound = stats.t.ppf(1 - alpha / 2, df)
    shift = effect * math.sqrt(n / 2)
    found = float(stats.nct.sf(bound, df, shift))
    if not math.isfinite(found):  # so far out that the normal says the same
        found = float(stats.norm.sf(bound - shift))
    # The wrong side: where the library cannot work it out, there is nothing to add.
    wrong = float(stats.nct.cdf(-bound, df, shift))
    return min(found + (wrong if math.isfinite(wrong) else 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest rise that an experiment of this size finds."""

    mde_abs: float | None = None
    mde_abs_baseline_var: float | None = None
    reason: str | None = None


def detectable_rise(p1: float, n_per_arm: float, alpha: float, power: float) -> Detectable:
    """Return the smallest absolute rise of a rate that is found with this power."""
    if not 0 < p1 < 1 or n_per_arm <= 0:
        return Detectable(reason="Give a rate between 0 and 1, and people in each arm.")
    z = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    closed = z * math.sqrt(2 * p1 * (1 - p1) / n_per_arm)

    def missing(rise: float) -> float:
        p2 = p1 + rise
        return rise - z * math.sqrt((p1 * (1 - p1) + p2 * (1 - p2)) / n_per_arm)

    most = 1 - p1
    if missing(most) < 0:
        return Detectable(
            None, closed, "So few people find no rise at all: even everybody would not be enough."
        )
    return Detectable(float(optimize.brentq(missing, 0.0, most)), closed)


def achieved_power(p1: float, p2: float, n_per_arm: float, alpha: float) -> float | None:
    """Return the power, both tails counted; None where nothing varies."""
    var = (p1 * (1 - p1) + p2 * (1 - p2)) / n_per_arm if n_per_arm > 0 else 0.0
    if var <= 0:
        return None
    z, shift = normal_quantile(1 - alpha / 2), (p2 - p1) / math.sqrt(var)
    return float(stats.norm.cdf(shift - z) + stats.norm.cdf(-shift - z))


def days_to_run(
    n_per_arm: float, arms: int, eligible_units_per_day: float, allocation: float
) -> tuple[int, int] | None:
    """Return days, and days as whole weeks; None when nobody comes.

    Whole weeks, so that each weekday counts alike.
    """
    daily = eligible_units_per_day * allocation
    if daily <= 0:
        return None
    days = max(1, math.ceil(n_per_arm * arms / daily))
    return days, math.ceil(days / 7) * 7
