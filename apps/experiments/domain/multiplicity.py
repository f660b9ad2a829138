"""Many comparisons at once: which of them still stand.

Sources: Holm (1979), Hochberg (1988), Benjamini and Hochberg (1995), Benjamini and
Yekutieli (2001).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.experiments.domain.comparing import Vector

Order = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Corrected:
    """Adjusted p-values in the order given, and which of them are at most alpha."""

    adjusted: tuple[float, ...]
    rejected: tuple[bool, ...]
    n_rejected: int


def corrected(p: Sequence[float], alpha: float) -> Mapping[str, Corrected]:
    """Return the p-values adjusted by each method: bonferroni, holm, hochberg, bh, by.

    Raises:
        ValueError: not probabilities.
    """
    order, rising = _rising(p)
    return {name: _in_order(way(rising), order, alpha) for name, way in _WAYS.items()}


def adjusted(p: Sequence[float], method: str) -> list[float]:
    """Return the p-values adjusted by one method alone, in the order given.

    Raises:
        ValueError: not probabilities.
    """
    order, rising = _rising(p)
    found = np.empty(len(p))
    found[order] = np.minimum(_WAYS[method](rising), 1.0)
    return [float(one) for one in found]


def _rising(p: Sequence[float]) -> tuple[Order, Vector]:
    if any(not 0 <= one <= 1 for one in p):
        raise ValueError("P-values lie between 0 and 1.")
    given = np.asarray(p, float)
    order = np.argsort(given, kind="stable")
    return order, given[order]


def _least_from_here(values: Vector) -> Vector:
    least: Vector = np.minimum.accumulate(values[::-1])[::-1]
    return least


def _in_order(rising: Vector, order: Order, alpha: float) -> Corrected:
    adjusted = np.empty(len(rising))
    adjusted[order] = np.minimum(rising, 1.0)
    # A rounding error of an equality is no failure to reach alpha.
    rejected = adjusted <= alpha * (1 + 1e-12)
    return Corrected(tuple(map(float, adjusted)), tuple(map(bool, rejected)), int(rejected.sum()))


def _left(rising: Vector) -> Vector:
    """How many are left, from each one on."""
    return np.arange(len(rising), 0, -1, dtype=float)


def _by(rising: Vector) -> Vector:
    ranks = np.arange(1, len(rising) + 1)
    return _least_from_here(rising * len(rising) * float((1 / ranks).sum()) / ranks)


_WAYS: Final[Mapping[str, Callable[[Vector], Vector]]] = {
    "bonferroni": lambda rising: rising * len(rising),
    "holm": lambda rising: np.maximum.accumulate(rising * _left(rising)),
    "hochberg": lambda rising: _least_from_here(rising * _left(rising)),
    "bh": lambda rising: _least_from_here(rising * len(rising) / np.arange(1, len(rising) + 1)),
    "by": _by,
}
