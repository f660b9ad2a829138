"""Whether probabilities are any good: pure arithmetic on outcomes and what was foreseen."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

BINS = 10
MIN_OF_EACH = 20  # yes and no: with fewer, luck decides
CONFIDENCE = 1.645  # one-sided 95 %, in standard errors
CERTAIN_TWO_SIDED = 1.96  # both sides of a 95 % interval


class Bin(NamedTuple):
    """Rows foreseen alike: the mean foreseen, the share that came true, and how many."""

    foreseen: float
    happened: float
    rows: int


def log_losses(y: Sequence[float], foreseen: Sequence[float]) -> list[float]:
    """Each row's surprise, minus the logarithm of the probability given to what happened."""
    return [-math.log(p if happened else 1 - p) for happened, p in zip(y, foreseen, strict=True)]


def calibration_bins(y: Sequence[float], foreseen: Sequence[float]) -> list[Bin]:
    """Sort rows by what was foreseen into ten bins of equal size, ascending."""
    # By the forecast alone: sorting equal ones by their outcome too would unmix the bins.
    order = sorted(zip(foreseen, y, strict=True), key=lambda pair: pair[0])
    edges = [len(order) * number // BINS for number in range(BINS + 1)]
    return [
        Bin(
            sum(p for p, _ in order[low:high]) / (high - low),
            sum(happened for _, happened in order[low:high]) / (high - low),
            high - low,
        )
        for low, high in itertools.pairwise(edges)
        if high > low
    ]


def calibration_error(y: Sequence[float], foreseen: Sequence[float]) -> float:
    """Mean distance between foreseen and happened over the bins, weighted by rows."""
    bins = calibration_bins(y, foreseen)
    return sum(abs(b.foreseen - b.happened) * b.rows for b in bins) / len(y)


class Advantage(NamedTuple):
    """How much less surprised one forecast is than another, per row, and how sure that is."""

    mean: float
    standard_error: float

    @property
    def is_certain(self) -> bool:
        """Whether it is more than luck, with 95 % confidence (one-sided, paired rows)."""
        return self.mean > CONFIDENCE * self.standard_error


def advantage(losses: Sequence[float], other: Sequence[float]) -> Advantage:
    """Compare two forecasts of the same rows by their log losses, row by row.

    Source: the paired z test; Diebold and Mariano (1995) for forecasts without serial correlation.
    """
    gains = [b - a for a, b in zip(losses, other, strict=True)]
    count = len(gains)
    mean = math.fsum(gains) / count
    variance = math.fsum((gain - mean) ** 2 for gain in gains) / max(count - 1, 1)
    return Advantage(mean, math.sqrt(variance / count))
