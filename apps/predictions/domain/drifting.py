"""Whether what is seen now is still what a model learned from.

Sources: Siddiqi (2006) for the population stability index; Lin (1991) for the Jensen-Shannon
divergence; Yurdakul (2018) for the index expected when nothing has changed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """How far shares have moved. `psi_unchanged` is the mean index if nothing had changed."""

    expected_share: tuple[float, ...] = ()
    actual_share: tuple[float, ...] = ()
    psi: float | None = None
    js_divergence_nat: float | None = None
    psi_unchanged: float | None = None
    reason: str | None = None


def shift_of_counts(expected: Sequence[float], actual: Sequence[float], eps: float) -> Shift:
    """Compare counts by bin; shares below `eps` count as `eps`.

    Raises:
        ValueError: not one count for each bin, or a negative one.
    """
    before, now = np.asarray(expected, float), np.asarray(actual, float)
    if len(before) != len(now) or not len(before) or min(before.min(), now.min()) < 0 or eps <= 0:
        raise ValueError("Each bin has a count of then and of now, none is negative.")
    if before.sum() == 0 or now.sum() == 0:
        return Shift(reason="There is nobody to compare.")
    p, q = before / before.sum(), now / now.sum()
    floored_p, floored_q = np.maximum(p, eps), np.maximum(q, eps)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return Shift(
        tuple(map(float, p)),
        tuple(map(float, q)),
        float(((floored_q - floored_p) * np.log(floored_q / floored_p)).sum()),
        divergence,
        (len(p) - 1) * (1 / float(before.sum()) + 1 / float(now.sum())),
    )


def _relative_entropy(p: Vector, q: Vector) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def shift_of_values(
    expected: Sequence[float], actual: Sequence[float], edges: Sequence[float], eps: float
) -> Shift:
    """Compare values, binned by inner edges; a value on an edge belongs to the lower bin.

    Raises:
        ValueError: edges that do not rise, or eps that is not above zero.
    """
    if list(edges) != sorted(set(edges)):
        raise ValueError("The edges rise.")
    if not len(expected) or not len(actual):
        return Shift(reason="There is nobody to compare.")
    then, now = (
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        for values in (expected, actual)
    )
    return shift_of_counts(list(map(float, then)), list(map(float, now)), eps)


@dataclass(frozen=True, slots=True)
class Distance:
    """The Kolmogorov-Smirnov distance of two samples."""

    ks: float | None = None
    p_exact: float | None = None
    p_asymptotic: float | None = None
    reason: str | None = None


def distance(expected: Sequence[float], actual: Sequence[float]) -> Distance:
    """Compare two samples by their largest difference in distribution."""
    if not len(expected) or not len(actual):
        return Distance(reason="There is nobody to compare.")
    exact = stats.ks_2samp(expected, actual, method="exact")
    rough = stats.ks_2samp(expected, actual, method="asymp")
    p = float(exact.pvalue)
    return Distance(float(exact.statistic), p if math.isfinite(p) else None, float(rough.pvalue))
