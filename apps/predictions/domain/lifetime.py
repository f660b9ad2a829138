"""What a customer is still worth: how often they will buy (BG/NBD), and for how much (Gamma-Gamma).

Sources: Fader, Hardie and Lee, Marketing Science 24 (2005), and "Note on the gamma-gamma model"
(2013). Times are in one unit throughout; a frequency counts repeat purchases, the first is not one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Vector = NDArray[np.float64]
# With fewer who came back, or all alike, the likelihood has no peak worth the name.
MIN_REPEATERS: Final = 30


@dataclass(frozen=True, slots=True)
class Buying:
    """Parameters of BG/NBD: purchases while alive Gamma(r, alpha), dropping out Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Spending:
    """Parameters of Gamma-Gamma."""

    p: float
    q: float
    v: float


def chance_alive(by: Buying, x: Vector, t_x: Vector, age: Vector) -> Vector:
    """Return how likely each is still a customer; 1 for who has never come back.

    Args:
        x: repeat purchases; t_x: when the last one was; age: how long they are known.
    """
    came_back = np.maximum(x, 1.0)
    gone = by.a / (by.b + came_back - 1) * ((by.alpha + age) / (by.alpha + t_x)) ** (by.r + x)
    found: Vector = np.where(x > 0, 1 / (1 + gone), 1.0)
    return found


def expected_purchases(by: Buying, horizon: float, x: Vector, t_x: Vector, age: Vector) -> Vector:
    """Return how many purchases each will make within the horizon. Arguments as `chance_alive`."""
    z = horizon / (by.alpha + age + horizon)
    series = special.hyp2f1(by.r + x, by.b + x, by.a + by.b + x - 1, z)
    fading = ((by.alpha + age) / (by.alpha + age + horizon)) ** (by.r + x)
    if abs(by.a - 1) < 1e-9:  # the formula's limit is as near as a neighbour's value
        return expected_purchases(Buying(by.r, by.alpha, by.a + 1e-6, by.b), horizon, x, t_x, age)
    living = (by.a + by.b + x - 1) / (by.a - 1) * (1 - fading * series)
    found: Vector = living * chance_alive(by, x, t_x, age)
    return found


def fit_buying(x: Vector, t_x: Vector, age: Vector, penalty: float = 0.0) -> Buying | None:
    """Fit BG/NBD by maximum likelihood; None when too few came back to say anything."""
    if (x > 0).sum() < MIN_REPEATERS:
        return None
    scale = float(np.percentile(age, 90)) or 1.0  # in this unit the parameters are near 1
    late, old = t_x / scale, age / scale

    def surprise(logs: Vector) -> float:
        r, alpha, a, b = np.exp(logs)
        came = np.maximum(x, 1.0)
        first = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        second = (
            special.gammaln(a + b) + special.gammaln(b + x)
            - special.gammaln(b) - special.gammaln(a + b + x)
        )  # fmt: skip
        here = -(r + x) * np.log(alpha + old)
        gone = np.log(a) - np.log(b + came - 1) - (r + x) * np.log(alpha + late)
        both = np.where(x > 0, np.logaddexp(here, gone), here)
        return float(-(first + second + both).mean() + penalty * (np.exp(logs) ** 2).sum())

    found = optimize.minimize(surprise, np.full(4, 0.1), method="L-BFGS-B", bounds=[(-12, 12)] * 4)
    r, alpha, a, b = map(float, np.exp(found.x))
    return Buying(r, alpha * scale, a, b) if found.success else None


def expected_spending(by: Spending, x: Vector, mean_value: Vector) -> Vector:
    """Return the expected value of a purchase of each; who never came back gets everybody's mean.

    Args:
        x: repeat purchases; mean_value: their mean value, above 0 where x is.
    """
    everybody = by.v * by.p / (by.q - 1) if by.q > 1 else math.nan
    own = by.p * x
    weight = own / (own + by.q - 1)
    found: Vector = np.where(x > 0, (1 - weight) * everybody + weight * mean_value, everybody)
    return found


def fit_spending(x: Vector, mean_value: Vector) -> Spending | None:
    """Fit Gamma-Gamma by maximum likelihood on who came back; None when too few did.

    `q` is kept above 1, where a mean exists.
    """
    there = (x > 0) & (mean_value > 0)
    if there.sum() < MIN_REPEATERS:
        return None
    n, scale = x[there], float(mean_value[there].mean())
    spent = mean_value[there] / scale

    def surprise(logs: Vector) -> float:
        p, over, v = np.exp(logs)
        q = 1 + over
        return float(
            -(
                special.gammaln(p * n + q) - special.gammaln(p * n) - special.gammaln(q)
                + q * np.log(v) + (p * n - 1) * np.log(spent) + p * n * np.log(n)
                - (p * n + q) * np.log(n * spent + v)
            ).mean()
        )  # fmt: skip

    found = optimize.minimize(surprise, np.zeros(3), method="L-BFGS-B", bounds=[(-10, 10)] * 3)
    p, over, v = map(float, np.exp(found.x))
    return Spending(p, 1 + over, v * scale) if found.success else None


def as_vector(values: Sequence[float]) -> Vector:
    """The values as numbers in a row."""
    return np.asarray(values, float)
