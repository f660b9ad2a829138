"""Quantiles of single values, such as loading times, whose people are what was dealt to arms.

Somebody who loads forty pages brings forty values that are alike, so the error is not that of
independent values. It is found by drawing people, not values: the Poisson bootstrap, in which
everybody counts Poisson(1) times (Chamandy, Muralidharan, Najmi and Naidu, Google 2012; Hanley and
MacGibbon, Comput. Methods Programs Biomed. 83, 2006). The draws are the same each time.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.experiments.domain.comparing import NO_VARIANCE, Vector

DRAWS: Final = 400
TOGETHER: Final = 1_000_000  # values weighted at once, so that memory stays bounded
FEWEST: Final = 20  # people with a value in an arm, of any quantile
BEYOND: Final = 10  # people expected beyond the quantile, on its rarer side
MOST: Final = 5_000  # people of an arm that are drawn from


@dataclass(slots=True)
class Sampled:
    """Single values of some people of an arm.

    Attributes:
        people: participants, those without a value among them.
        values: one list a person with a value; weights: how many people each of these stands for.
        drawn: what was drawn of it already, by (quantile, seed): a control is compared with each
            arm, and its draws are the same each time.
    """

    people: int = 0
    values: list[Sequence[float]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    drawn: dict[tuple[float, int], tuple[float, Vector]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def add(self, people: int, sample: Sequence[list[float] | float], most: int) -> None:
        """Add a day: its participants, and the values of at most `most` of them, by person."""
        self.people += people
        self.drawn.clear()
        weight = people / min(people, most) if people else 1.0
        for one in sample:
            mine = one if isinstance(one, list) else [one]
            self.values.append([float(value) for value in mine])
            self.weights.append(weight)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """How a quantile differs, b minus a. `reason`: why there is no figure."""

    of_a: float | None = None
    of_b: float | None = None
    diff: float | None = None
    se: float | None = None
    reason: str | None = None


def compare_quantiles(a: Sampled, b: Sampled, quantile: float) -> Quantiles:
    """Compare the same quantile (above 0, below 1) of two arms."""
    least = needed(quantile)
    if min(len(a.values), len(b.values)) < least:
        return Quantiles(reason=f"Too few people have such a value: each arm needs {least}.")
    own_a, draws_a = _draws(a, quantile, seed=1)
    own_b, draws_b = _draws(b, quantile, seed=2)
    se = float(np.std(draws_b - draws_a, ddof=1))
    return Quantiles(own_a, own_b, own_b - own_a, se, None if se > 0 else NO_VARIANCE)


def needed(quantile: float) -> int:
    """Return how many people with a value an arm needs."""
    return max(FEWEST, int(np.ceil(round(BEYOND / min(quantile, 1 - quantile), 6))))


def _draws(sampled: Sampled, quantile: float, seed: int) -> tuple[float, Vector]:
    """The quantile, and what it is in each draw of people."""
    if (known := sampled.drawn.get((quantile, seed))) is not None:
        return known
    count = len(sampled.values)
    lists, weights = sampled.values, np.asarray(sampled.weights, float)
    if count > MOST:
        chosen = np.random.default_rng(seed).choice(count, MOST, replace=False)
        lists, weights = [lists[place] for place in chosen], weights[chosen]
    owner = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    values = np.fromiter(itertools.chain.from_iterable(lists), float, len(owner))
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]
    own = float(_at(values, weights[owner][None, :], quantile)[0])
    times = _times(seed)[:, : len(lists)]
    found = np.empty(DRAWS)
    at_once = max(1, TOGETHER // len(values))
    for first in range(0, DRAWS, at_once):
        part = slice(first, first + at_once)
        found[part] = _at(values, (times[part] * weights)[:, owner], quantile)
    sampled.drawn[quantile, seed] = own, found
    return own, found


@cache
def _times(seed: int) -> NDArray[np.uint8]:
    """How often each person counts in each draw: DRAWS x MOST, drawn once in a process (2 MB)."""
    return np.random.default_rng(seed).poisson(1.0, (DRAWS, MOST)).astype(np.uint8)


def _at(values: Vector, weights: NDArray[np.float64], quantile: float) -> Vector:
    """The weighted quantile of each row of weights; `values` rise."""
    sums = np.cumsum(weights, axis=1)
    places = np.count_nonzero(sums < quantile * sums[:, -1:], axis=1)
    found: Vector = values[np.minimum(places, len(values) - 1)]
    return found
