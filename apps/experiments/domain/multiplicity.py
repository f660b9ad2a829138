"""Many comparisons at once: which of them still stand.

Sources: Holm (1979), Hochberg (1988), Benjamini and Hochberg (1995), Benjamini and
Yekutieli (2001).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apps.experiments.domain.comparing import Vector


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
    if any(not 0 <= one <= 1 for one in p):
        raise ValueError("P-values lie between 0 and 1.")
    n = len(p)
    order = np.argsort(np.asarray(p, float), kind="stable")
    rising = np.asarray(p, float)[order]
    ranks = np.arange(1, n + 1)
    left = n - ranks + 1
    harmonic = float((1 / ranks).sum())
    found = {
        "bonferroni": rising * n,
        "holm": np.maximum.accumulate(rising * left),
        "hochberg": _least_from_here(rising * left),
        "bh": _least_from_here(rising * n / ranks),
        "by": _least_from_here(rising * n * harmonic / ranks),
    }
    return {name: _in_order(values, order, alpha) for name, values in found.items()}


def _least_from_here(values: Vector) -> Vector:
    least: Vector = np.minimum.accumulate(values[::-1])[::-1]
    return least


def _in_order(
    rising: Vector, order: "np.ndarray[tuple[int], np.dtype[np.intp]]", alpha: float
) -> Corrected:
    adjusted = np.empty(len(rising))
    adjusted[order] = np.minimum(rising, 1.0)
    # A rounding error of an equality is no failure to reach alpha.
    rejected = adjusted <= alpha * (1 + 1e-12)
    return Corrected(tuple(map(float, adjusted)), tuple(map(bool, rejected)), int(rejected.sum()))
