"""What is kept of an arm instead of its people: sums that add up over days, and what they say.

A day's sums are of the people first exposed on it. They can be counted anew at any time and replace
the ones before, so late events change nothing but the day they belong to.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from apps.experiments.domain.comparing import (
    NO_VARIANCE,
    TOO_FEW,
    Means,
    Moments,
    RatioMoments,
    Ratios,
    around,
    compare_means,
    compare_ratios,
    normal_quantile,
    two_sided,
)

LARGEST: Final = 1e140  # of a sum: comparing squares it, and larger squares are no numbers any more
NO_PAST: Final = "Nothing is known of what they did before: the plain difference is shown."


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one arm, metric and day, or of many days: sums over people.

    Attributes:
        n: people.
        y, yy: of the value and its square; d, dd, yd: of the denominator of a ratio; x, xx, xy: of
            the same value before the exposure.
    """

    n: int = 0
    y: float = 0.0
    yy: float = 0.0
    d: float = 0.0
    dd: float = 0.0
    yd: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, one) + getattr(other, one) for one in NAMES))

    @classmethod
    def of(
        cls,
        y: Sequence[float],
        d: Sequence[float] | None = None,
        x: Sequence[float] | None = None,
    ) -> "Sums":
        """Take them from one number a person each."""
        value = np.asarray(y, float)
        below = np.zeros(len(value)) if d is None else np.asarray(d, float)
        past = np.zeros(len(value)) if x is None else np.asarray(x, float)
        products = (
            value, value * value, below, below * below, value * below,
            past, past * past, value * past,
        )  # fmt: skip
        return cls(len(value), *(float(one.sum()) for one in products))

    @property
    def is_workable(self) -> bool:
        """Whether they can be worked with: none of them has run away."""
        return all(abs(getattr(self, one)) < LARGEST for one in NAMES)

    @property
    def moments(self) -> Moments:
        """Of the value."""
        return Moments(self.n, *_spread(self.n, self.y, self.yy))

    @property
    def ratio(self) -> RatioMoments:
        """Of value over denominator."""
        mean_y, var_y = _spread(self.n, self.y, self.yy)
        mean_d, var_d = _spread(self.n, self.d, self.dd)
        return RatioMoments(
            self.n, mean_y, mean_d, var_y, var_d, _together(self.n, self.y, self.d, self.yd)
        )


NAMES: Final = tuple(field.name for field in fields(Sums))


def total(parts: Iterable[Sums]) -> Sums:
    """Return the sums of all days together, whatever the order of the days."""
    return added([[getattr(part, name) for name in NAMES] for part in parts])


def added(rows: Sequence[Sequence[float]]) -> Sums:
    """Return the sums of all days together; a row is one day's, as `NAMES`."""
    return of_columns(list(zip(*rows, strict=True)))


def of_columns(columns: Sequence[Sequence[float]]) -> Sums:
    """Return the sums of all days together; a column is one of `NAMES`, day by day."""
    if not columns:
        return Sums()
    n, *others = columns
    try:
        return Sums(int(sum(n)), *(math.fsum(other) for other in others))
    except OverflowError:
        return Sums(int(sum(n)), *(math.inf for _ in others))


def _spread(n: int, total: float, squares: float) -> tuple[float, float]:
    """The mean and the sample variance."""
    if n < 2:
        return (total / n if n else 0.0), 0.0
    return total / n, max(squares - total * total / n, 0.0) / (n - 1)


def _together(n: int, one: float, other: float, products: float) -> float:
    """The sample covariance."""
    return (products - one * other / n) / (n - 1) if n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """An arm beside the control, with what people did before taken out where it is known.

    Attributes:
        plain: without CUPED; used: with it, or the same where there is no past.
        reduction: the share of the variance that CUPED has taken away.
    """

    plain: Means
    used: Means
    theta: float | None
    reduction: float | None
    note: str | None = None


def compare(control: Sums, arm: Sums, alpha: float = 0.05) -> Compared:
    """Compare the means of two arms. One theta for both, never one an arm."""
    plain = compare_means(control.moments, arm.moments, alpha)
    both = control + arm
    _, var_x = _spread(both.n, both.x, both.xx)
    if plain.se is None or not plain.se or min(control.n, arm.n) < 2:
        return Compared(plain, plain, None, None, plain.reason or TOO_FEW)
    if var_x <= 0:
        return Compared(plain, plain, None, None, NO_PAST)
    theta = _together(both.n, both.x, both.y, both.xy) / var_x
    used = compare_means(_without_past(control, theta), _without_past(arm, theta), alpha)
    if used.se is None or used.reason == NO_VARIANCE:
        return Compared(plain, plain, None, None, NO_PAST)
    return Compared(plain, used, theta, 1 - (used.se / plain.se) ** 2)


def _without_past(arm: Sums, theta: float) -> Moments:
    """The moments of y - theta x."""
    mean_y, var_y = _spread(arm.n, arm.y, arm.yy)
    mean_x, var_x = _spread(arm.n, arm.x, arm.xx)
    shared = _together(arm.n, arm.x, arm.y, arm.xy)
    spread = var_y - 2 * theta * shared + theta * theta * var_x
    return Moments(arm.n, mean_y - theta * mean_x, max(spread, 0.0))


def compare_ratio(control: Sums, arm: Sums, alpha: float = 0.05) -> Ratios:
    """Compare two ratios of sums, by the delta method."""
    return compare_ratios(control.ratio, arm.ratio, alpha)


def post_stratified(strata: Sequence[tuple[Sums, Sums]], alpha: float = 0.05) -> Means:
    """Compare arms within strata (control, arm) and weigh the differences by people.

    Takes out what the strata differ by: who happened to come in how many into which arm. Strata in
    which an arm has fewer than two people are left out, and nothing is said when none is left.
    """
    usable = [(a, b) for a, b in strata if min(a.n, b.n) >= 2]
    people = sum(a.n + b.n for a, b in usable)
    if not usable:
        return Means(reason=TOO_FEW)
    diff = variance = mean_a = mean_b = 0.0
    for a, b in usable:
        share = (a.n + b.n) / people
        own_a, var_a = _spread(a.n, a.y, a.yy)
        own_b, var_b = _spread(b.n, b.y, b.yy)
        mean_a += share * own_a
        mean_b += share * own_b
        diff += share * (own_b - own_a)
        variance += share * share * (var_a / a.n + var_b / b.n)
    se = math.sqrt(variance)
    if not se:
        return Means(mean_a, mean_b, diff, 0.0, reason=NO_VARIANCE)
    return _by_normal(mean_a, mean_b, diff, se, alpha)


def _by_normal(mean_a: float, mean_b: float, diff: float, se: float, alpha: float) -> Means:
    half = normal_quantile(1 - alpha / 2) * se
    return Means(
        mean_a, mean_b, diff, se, diff / se, None, two_sided(diff / se), around(diff, half)
    )
