"""Tables of counts: independence, goodness of fit, and whether a split was kept.

Source: Pearson's chi-square; Fabijan et al., KDD 2019, for sample-ratio mismatch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

SRM_THRESHOLD: Final = 0.001
FEW_EXPECTED: Final = 5.0


@dataclass(frozen=True, slots=True)
class Independence:
    """Whether rows and columns of a table have to do with each other."""

    chi2: float | None = None
    dof: int | None = None
    p: float | None = None
    min_expected: float | None = None
    cramers_v: float | None = None
    reason: str | None = None


def independence(table: Sequence[Sequence[float]], *, yates: bool = False) -> Independence:
    """Test an r x c table of counts; its rows are the variants.

    Raises:
        ValueError: not a table of counts.
    """
    if len(table) < 2 or len({len(row) for row in table}) != 1 or len(table[0]) < 2:
        raise ValueError("A table needs at least two rows and two columns, all of one length.")
    counts = np.asarray(table, float)
    if (counts < 0).any():
        raise ValueError("Counts are not negative.")
    if (counts.sum(0) == 0).any() or (counts.sum(1) == 0).any():
        return Independence(reason="A row or a column is empty: nothing can be expected of it.")
    chi2, p, dof, expected = stats.chi2_contingency(counts, correction=yates)
    least = float(expected.min())
    return Independence(
        float(chi2),
        int(dof),
        float(p),
        least,
        math.sqrt(float(chi2) / (counts.sum() * (min(counts.shape) - 1))),
        "Few are expected in a cell (below 5): the p-value is rough."
        if least < FEW_EXPECTED
        else None,
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether counts are as expected."""

    chi2: float | None = None
    p: float | None = None
    reason: str | None = None


def goodness_of_fit(observed: Sequence[float], expected: Sequence[float] | None = None) -> Fit:
    """Test counts against expected counts, equal ones by default.

    Raises:
        ValueError: not one expected count for each observed one.
    """
    total = float(sum(observed))
    wanted = [total / len(observed)] * len(observed) if not expected else list(expected)
    if len(wanted) != len(observed) or len(observed) < 2:
        raise ValueError("Give at least two counts, and one expected count for each.")
    if total <= 0 or min(wanted) <= 0:
        return Fit(reason="Nothing was counted, or a cell expects nothing.")
    scaled = np.asarray(wanted) * (total / sum(wanted))
    found = stats.chisquare(observed, scaled)
    return Fit(float(found.statistic), float(found.pvalue))


@dataclass(frozen=True, slots=True)
class Split:
    """Whether arms got their shares. `srm`: they did not, and no result of them can be believed."""

    chi2: float | None = None
    dof: int | None = None
    p: float | None = None
    srm: bool | None = None
    reason: str | None = None


def sample_ratio(
    counts: Sequence[int], weights: Sequence[float], threshold: float = SRM_THRESHOLD
) -> Split:
    """Test the exposed units of each arm, each counted once, against the intended split.

    An arm of weight 0 that somebody is in is a mismatch by itself.

    Raises:
        ValueError: not one weight for each arm, or a count below zero.
    """
    if len(counts) != len(weights) or not min(weights) >= 0 or sum(weights) <= 0:
        raise ValueError("Give one weight, not negative, for each arm.")
    if not min(counts) >= 0:
        raise ValueError("Give counts that are not negative.")
    if any(count and not weight for count, weight in zip(counts, weights, strict=True)):
        return Split(p=0.0, srm=True, reason="Somebody is in an arm that nobody should be in.")
    kept = [(n, w) for n, w in zip(counts, weights, strict=True) if w > 0]
    if len(kept) < 2:
        return Split(reason="There is no split with fewer than two arms.")
    if sum(counts) == 0:
        return Split(reason="Nobody has been exposed yet.")
    shares = [weight for _, weight in kept]
    found = goodness_of_fit([n for n, _ in kept], shares)
    if found.p is None:
        return Split(reason=found.reason)
    return Split(found.chi2, len(kept) - 1, found.p, found.p < threshold)
