"""Control charts: what is ordinary variation of a figure, and what is a signal.

Sources: Montgomery, Introduction to Statistical Quality Control; Nelson, J. Quality Technology 16
(1984); Western Electric (1956); Laney, Quality Engineering 14 (2002). Indices are 0-based.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Numbers = tuple[float, ...]
D2_OF_TWO: Final = 1.128
D4_OF_TWO: Final = 3.267
# By the size of a subgroup: A2, D3, D4 as tabled.
_FACTORS: Final[Mapping[int, tuple[float, float, float]]] = {
    2: (1.880, 0.0, 3.267), 3: (1.023, 0.0, 2.574), 4: (0.729, 0.0, 2.282),
    5: (0.577, 0.0, 2.114), 6: (0.483, 0.0, 2.004), 7: (0.419, 0.076, 1.924),
    8: (0.373, 0.136, 1.864), 9: (0.337, 0.184, 1.816), 10: (0.308, 0.223, 1.777),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Individuals:
    """Single values, and how much they move from one to the next."""

    center: float | None = None
    mr_bar: float | None = None
    sigma_hat: float | None = None
    ucl: float | None = None
    lcl: float | None = None
    mr_ucl: float | None = None
    out_of_control_index: tuple[int, ...] = ()
    reason: str | None = None


def individuals(x: Sequence[float]) -> Individuals:
    """Chart single values by their moving range."""
    if len(x) < 2:
        return Individuals(reason="A chart needs at least two values.")
    moves = [abs(b - a) for a, b in itertools.pairwise(x)]
    center, moved = sum(x) / len(x), sum(moves) / len(moves)
    sigma = moved / D2_OF_TWO
    high, low = center + 3 * sigma, center - 3 * sigma
    out = tuple(i for i, value in enumerate(x) if not low <= value <= high)
    return Individuals(center, moved, sigma, high, low, D4_OF_TWO * moved, out)


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Means and ranges of subgroups of one size."""

    center: float | None = None
    r_bar: float | None = None
    ucl_x: float | None = None
    lcl_x: float | None = None
    ucl_r: float | None = None
    lcl_r: float | None = None
    out_x: tuple[int, ...] = ()
    reason: str | None = None


def subgroups(rows: Sequence[Sequence[float]]) -> Subgroups:
    """Chart subgroups of 2 to 10 values each.

    Raises:
        ValueError: subgroups of different sizes.
    """
    if not rows:
        return Subgroups(reason="A chart needs at least one subgroup.")
    size = len(rows[0])
    if any(len(row) != size for row in rows):
        raise ValueError("The subgroups have one size.")
    if size not in _FACTORS:
        return Subgroups(reason="Subgroups have 2 to 10 values.")
    a2, d3, d4 = _FACTORS[size]
    means = [sum(row) / size for row in rows]
    center = sum(means) / len(means)
    spread = sum(max(row) - min(row) for row in rows) / len(rows)
    high, low = center + a2 * spread, center - a2 * spread
    out = tuple(i for i, mean in enumerate(means) if not low <= mean <= high)
    return Subgroups(center, spread, high, low, d4 * spread, d3 * spread, out)


@dataclass(frozen=True, slots=True)
class Proportions:
    """Shares of varying numbers; Laney's limits allow for more variation than chance makes."""

    p_bar: float | None = None
    ucl: Numbers = ()
    lcl: Numbers = ()
    out: tuple[int, ...] = ()
    laney_sigma_z: float | None = None
    laney_ucl: Numbers = ()
    laney_lcl: Numbers = ()
    reason: str | None = None


def proportions(events: Sequence[int], n: Sequence[int]) -> Proportions:
    """Chart shares events / n.

    Raises:
        ValueError: not one n for each count, or a count above it.
    """
    if len(events) != len(n) or any(
        not 0 <= e <= m or m < 1 for e, m in zip(events, n, strict=True)
    ):
        raise ValueError("Each count has an n of at least 1 and is not above it.")
    if not events:
        return Proportions(reason="A chart needs at least one value.")
    mean = sum(events) / sum(n)
    sigmas = [math.sqrt(mean * (1 - mean) / m) for m in n]
    shares = [e / m for e, m in zip(events, n, strict=True)]
    high, low = _limits(mean, sigmas, 1.0)
    out = tuple(i for i, share in enumerate(shares) if not low[i] <= share <= high[i])
    if not all(sigmas) or len(events) < 2:
        return Proportions(
            mean, high, low, out, reason="Over-dispersion needs shares that vary, two at least."
        )
    z = [(share - mean) / sigma for share, sigma in zip(shares, sigmas, strict=True)]
    sigma_z = sum(abs(b - a) for a, b in itertools.pairwise(z)) / (len(z) - 1) / D2_OF_TWO
    return Proportions(mean, high, low, out, sigma_z, *_limits(mean, sigmas, sigma_z))


def _limits(mean: float, sigmas: Sequence[float], wider: float) -> tuple[Numbers, Numbers]:
    return (
        tuple(min(1.0, mean + 3 * wider * sigma) for sigma in sigmas),
        tuple(max(0.0, mean - 3 * wider * sigma) for sigma in sigmas),
    )


@dataclass(frozen=True, slots=True)
class Cusum:
    """Sums of what goes beyond k sigmas on either side, in units of x."""

    c_plus: Numbers
    c_minus: Numbers
    signals: tuple[int, ...]


def cusum(x: Sequence[float], target: float, sigma: float, k: float, h: float) -> Cusum:
    """Chart small lasting shifts; k and h in sigmas. It is not reset after a signal.

    Raises:
        ValueError: a sigma that is not above zero.
    """
    if sigma <= 0:
        raise ValueError("Sigma is above zero.")
    up, down, plus, minus = 0.0, 0.0, [], []
    for value in x:
        up = max(0.0, up + value - target - k * sigma)
        down = max(0.0, down + target - value - k * sigma)
        plus.append(up)
        minus.append(down)
    over = [i for i in range(len(plus)) if max(plus[i], minus[i]) > h * sigma]
    return Cusum(tuple(plus), tuple(minus), tuple(over))


@dataclass(frozen=True, slots=True)
class Ewma:
    """Averages that forget, with their exact limits and those they tend to."""

    z: Numbers
    ucl: Numbers
    lcl: Numbers
    ucl_steady: float
    lcl_steady: float
    signals: tuple[int, ...]


def ewma(x: Sequence[float], target: float, sigma: float, share: float, width: float) -> Ewma:
    """Chart an exponentially weighted average that starts at the target.

    Args:
        share: the weight of the newest value (lambda), above 0 up to 1; width: L, in sigmas.

    Raises:
        ValueError: a share or a sigma out of its range.
    """
    if sigma <= 0 or not 0 < share <= 1:
        raise ValueError("Sigma is above zero, lambda above 0 and at most 1.")
    steady = width * sigma * math.sqrt(share / (2 - share))
    z, halves, mean = [], [], target
    for place, value in enumerate(x, 1):
        mean = share * value + (1 - share) * mean
        z.append(mean)
        halves.append(steady * math.sqrt(1 - (1 - share) ** (2 * place)))
    out = [i for i, (m, half) in enumerate(zip(z, halves, strict=True)) if abs(m - target) > half]
    return Ewma(
        tuple(z),
        tuple(target + half for half in halves),
        tuple(target - half for half in halves),
        target + steady,
        target - steady,
        tuple(out),
    )


@dataclass(frozen=True, slots=True)
class RunRules:
    """Rule -> index of each point that completes its pattern."""

    nelson: Mapping[str, tuple[int, ...]]
    western_electric: Mapping[str, tuple[int, ...]]


Pattern = Callable[[Sequence[float]], bool]


def run_rules(x: Sequence[float], center: float, sigma: float) -> RunRules:
    """Find patterns that chance seldom makes.

    Raises:
        ValueError: a sigma that is not above zero.
    """
    if sigma <= 0:
        raise ValueError("Sigma is above zero.")
    z = [(value - center) / sigma for value in x]
    nelson: Mapping[str, tuple[int, Pattern]] = {
        "1": (1, _beyond(1, 3)),
        "2": (9, _one_side),
        "3": (6, _steadily),
        "4": (14, _alternating),
        "5": (3, _beyond(2, 2)),
        "6": (5, _beyond(4, 1)),
        "7": (15, lambda last: all(abs(one) < 1 for one in last)),
        "8": (8, lambda last: all(abs(one) > 1 for one in last)),
    }
    western: Mapping[str, tuple[int, Pattern]] = {
        "1": nelson["1"], "2": nelson["5"], "3": nelson["6"], "4": (8, _one_side),
    }  # fmt: skip
    return RunRules(
        {name: _completed(z, *rule) for name, rule in nelson.items()},
        {name: _completed(z, *rule) for name, rule in western.items()},
    )


def _completed(z: Sequence[float], length: int, pattern: Pattern) -> tuple[int, ...]:
    return tuple(end for end in range(length - 1, len(z)) if pattern(z[end - length + 1 : end + 1]))


def _beyond(count: int, sigmas: float) -> Pattern:
    """So many of the points beyond the line on one side, the completing one among them."""

    def pattern(last: Sequence[float]) -> bool:
        side = math.copysign(1.0, last[-1])
        there = [one * side > sigmas for one in last]
        return there[-1] and sum(there) >= count

    return pattern


def _one_side(last: Sequence[float]) -> bool:
    return all(one > 0 for one in last) or all(one < 0 for one in last)


def _steadily(last: Sequence[float]) -> bool:
    steps = [b - a for a, b in itertools.pairwise(last)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _alternating(last: Sequence[float]) -> bool:
    steps = [b - a for a, b in itertools.pairwise(last)]
    return all(a * b < 0 for a, b in itertools.pairwise(steps))
