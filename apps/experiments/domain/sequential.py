"""Looking before the end without fooling oneself: planned looks, and looks at any time.

Sources: Lan and DeMets, Biometrika 70 (1983) with the numerical integration of Armitage, McPherson
and Rowe, JRSS A 132 (1969); Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Ann. Statist. 52
(2024), theorem 2.2, tuned as GrowthBook does; Johari et al., KDD 2017 (mSPRT).
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize, stats

from apps.experiments.domain.comparing import Interval, Vector, around, normal_quantile

# Nodes of the integration, and how far out (in standard deviations) it begins.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_FAR: Final = 8.5


@dataclass(frozen=True, slots=True)
class AnyTime:
    """An interval that may be looked at after every visitor, and what that costs in width."""

    rho: float | None = None
    halfwidth: float | None = None
    ci: Interval | None = None
    p_always_valid: float | None = None
    fixed_halfwidth: float | None = None
    reason: str | None = None


def tuning(alpha: float, n_star: float) -> float:
    """Return rho, which makes the interval tightest when `n_star` units have been seen."""
    spread = -2 * math.log(alpha)
    return math.sqrt((spread + math.log(spread + 1)) / n_star)


def any_time(estimate: float, se: float, n_total: float, alpha: float, n_star: float) -> AnyTime:
    """Return the asymptotic confidence sequence of a difference, as of now.

    Args:
        se: the standard error of the estimate now.
        n_total: units in both arms now.
        alpha: two-sided.
        n_star: the planned total, fixed before the start.
    """
    if n_total <= 0 or n_star <= 0 or se <= 0:
        return AnyTime(reason="There is nothing to look at yet: nobody came, or nothing varies.")
    rho = tuning(alpha, n_star)
    grown = n_total * rho**2
    sigma = se * math.sqrt(n_total)
    half = sigma * math.sqrt(
        2 * (grown + 1) / (n_total * grown) * math.log(math.sqrt(grown + 1) / alpha)
    )
    # ln of the mixture's likelihood ratio: it overflows long before it is meaningless.
    evidence = (n_total * rho * estimate / sigma) ** 2 / (2 * (grown + 1)) - math.log(grown + 1) / 2
    return AnyTime(
        rho,
        half,
        around(estimate, half),
        math.exp(-evidence) if evidence > 0 else 1.0,
        normal_quantile(1 - alpha / 2) * se,
    )


def mixture_ratios(
    estimates: Sequence[float], variances: Sequence[float], tau2: float
) -> tuple[list[float], list[float]]:
    """Return the mixture likelihood ratio at each look, and the p-value that never goes up.

    Raises:
        ValueError: a variance that is not positive, or not one for each estimate.
    """
    if len(estimates) != len(variances) or min(variances, default=1) <= 0 or tau2 <= 0:
        raise ValueError("Each estimate needs a variance above zero, and tau2 is above zero.")
    ratios, p_values, least = [], [], 1.0
    for estimate, variance in zip(estimates, variances, strict=True):
        both = variance + tau2
        log = tau2 * estimate**2 / (2 * variance * both) + math.log(variance / both) / 2
        ratios.append(math.exp(min(log, 700.0)))
        least = min(least, math.exp(-log) if log > 0 else 1.0)
        p_values.append(least)
    return ratios, p_values


def _obrien_fleming(t: float, alpha: float) -> float:
    return 2 * (2 - 2 * float(stats.norm.cdf(normal_quantile(1 - alpha / 4) / math.sqrt(t))))


def _pocock(t: float, alpha: float) -> float:
    return alpha * math.log(1 + (math.e - 1) * t)


SPENDING: Final[Mapping[str, Callable[[float, float], float]]] = {
    "obrien_fleming_ld": _obrien_fleming,
    "pocock_ld": _pocock,
    "power2": lambda t, alpha: alpha * t**2,
    "power3": lambda t, alpha: alpha * t**3,
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What |Z| has to beat at each look, and the alpha spent up to it."""

    z: tuple[float, ...]
    alpha_spent: tuple[float, ...]
    nominal_p: tuple[float, ...]


def group_bounds(fractions: Sequence[float], alpha: float, spending: str) -> Bounds:
    """Return two-sided bounds for looks at these fractions of the information.

    Args:
        fractions: rising, above 0 and at most 1; the last may be below 1.
        alpha: total, two-sided, split in two equal tails.
        spending: a name of `SPENDING`.

    Raises:
        ValueError: fractions that do not rise, or an unknown way of spending.
    """
    if spending not in SPENDING:
        raise ValueError(f"Alpha is spent by one of: {', '.join(SPENDING)}.")
    rising = all(one < other for one, other in itertools.pairwise(fractions))
    if not fractions or not rising or fractions[0] <= 0 or fractions[-1] > 1:
        raise ValueError("The looks' fractions rise, lie above 0 and end at 1 at most.")
    spent = [SPENDING[spending](t, alpha) for t in fractions]
    z: list[float] = []
    at: Vector = np.zeros(1)  # nodes of the score S = Z sqrt(t) among those who go on, and ...
    density: Vector = np.ones(1)  # ... how likely each is, times its weight
    before, used = 0.0, 0.0
    for t, total in zip(fractions, spent, strict=True):
        step = math.sqrt(t - before)
        bound = _crossed_by(at, density, step, total - used)
        z.append(bound / math.sqrt(t))
        nodes = bound * _NODES
        moved = stats.norm.pdf((nodes[:, None] - at[None, :]) / step) / step
        at, density = nodes, (moved @ density) * _WEIGHTS * bound
        before, used = t, total
    nominal = tuple(float(2 * stats.norm.sf(one)) for one in z)
    return Bounds(tuple(z), tuple(spent), nominal)


def _crossed_by(at: Vector, density: Vector, step: float, chance: float) -> float:
    """Return the bound on |S| that is crossed next with this chance."""
    far = float(np.abs(at).max()) + _FAR * step

    def excess(bound: float) -> float:
        over = stats.norm.sf((bound - at) / step) + stats.norm.cdf((-bound - at) / step)
        return float(over @ density) - chance

    if excess(far) >= 0:  # so little is spent that nothing within reach is as unlikely
        return far
    return float(optimize.brentq(excess, 0.0, far, xtol=1e-13))
