"""How sure a figure is: rows drawn again and again with replacement, all figures of each draw.

A draw is a weight for each row, how often it was drawn; every figure is then a weighted sum over
rows sorted once. Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), the
percentile interval. Workers only: it needs numpy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

DRAWS: Final = 300
INTERVAL: Final = (2.5, 97.5)  # percentiles
GRID: Final = np.linspace(0, 1, 41)
DECILES: Final = 10
BINS: Final = 10
_EDGE: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of one weighting of the rows; NaN where there is nothing to measure.

    Attributes:
        numbers: by name.
        roc: rate of rightly flagged at each rate of wrongly flagged of GRID.
        precision: at each share found (recall) of GRID.
        lift: of each tenth of the rows, the highest scores first.
    """

    numbers: Mapping[str, float]
    roc: Vector
    precision: Vector
    lift: Vector


class Ranked:
    """Rows sorted by score, the highest first; of equal scores none comes before the other."""

    def __init__(self, y: Vector, p: Vector, threshold: float) -> None:
        order = np.argsort(-p, kind="stable")
        self.order = order
        self.y, self.p = y[order], p[order]
        self.ends = np.r_[np.flatnonzero(np.diff(self.p)), len(p) - 1]
        self.threshold = threshold
        inside = np.clip(self.p, _EDGE, 1 - _EDGE)
        self.losses = -np.where(self.y > 0, np.log(inside), np.log1p(-inside))
        self.squares = (self.p - self.y) ** 2
        self.bins = np.minimum((self.p * BINS).astype(int), BINS - 1)

    def auc(self, weight: Vector) -> float:
        """Return the AUC alone, with weights as `judge` takes them; NaN without both outcomes."""
        w = weight[self.order]
        true = np.cumsum(w * self.y)[self.ends]
        false = np.cumsum(w)[self.ends] - true
        if true[-1] <= 0 or false[-1] <= 0:
            return float("nan")
        steps, heights = np.diff(false, prepend=0.0), true - np.diff(true, prepend=0.0) / 2
        return float(np.sum(steps * heights) / (true[-1] * false[-1]))

    def judge(self, weight: Vector) -> Judged | None:
        """Judge with weights in the order given at the beginning; None without both outcomes."""
        w = weight[self.order]
        won = w * self.y
        all_true, everyone = float(won.sum()), float(w.sum())
        all_false = everyone - all_true
        if all_true <= 0 or all_false <= 0:
            return None
        true = np.cumsum(won)[self.ends]
        flagged = np.cumsum(w)[self.ends]
        false = flagged - true
        recall, false_rate = np.r_[0.0, true / all_true], np.r_[0.0, false / all_false]
        precision = np.divide(true, flagged, out=np.ones_like(true), where=flagged > 0)
        gained = np.diff(recall)
        numbers = {
            "auc": float(np.sum(np.diff(false_rate) * (recall[1:] + recall[:-1]) / 2)),
            "average_precision": float(np.sum(gained * precision)),
            "ks": float(np.max(recall - false_rate)),
            "log_loss": float(np.sum(w * self.losses) / everyone),
            "brier": float(np.sum(w * self.squares) / everyone),
            "ece": self._calibration_error(w, won, everyone),
            **self._flagging(w, won, all_true, all_false),
        }
        lift = self._lift(w, won, all_true / everyone, everyone)
        numbers["lift_top_decile"] = float(lift[0])
        roc = np.interp(GRID, false_rate, recall)
        # What is reached at a recall is the best precision at it or beyond.
        best = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.minimum(np.searchsorted(recall[1:], GRID - 1e-12), len(best) - 1)
        return Judged(numbers, roc, best[places], lift)

    def _calibration_error(self, w: Vector, won: Vector, everyone: float) -> float:
        foreseen = np.bincount(self.bins, weights=w * self.p, minlength=BINS)
        happened = np.bincount(self.bins, weights=won, minlength=BINS)
        return float(np.abs(foreseen - happened).sum() / everyone)

    def _flagging(
        self, w: Vector, won: Vector, all_true: float, all_false: float
    ) -> dict[str, float]:
        is_flagged = self.p >= self.threshold
        tp, flagged = float(won[is_flagged].sum()), float(w[is_flagged].sum())
        fp = flagged - tp
        tn, fn = all_false - fp, all_true - tp
        root = np.sqrt(flagged * all_true * all_false * (tn + fn))
        return {
            "precision": tp / flagged if flagged else np.nan,
            "recall": tp / all_true,
            "flagged": flagged / (all_true + all_false),
            "f1": 2 * tp / (flagged + all_true),
            "mcc": float((tp * tn - fp * fn) / root) if root > 0 else np.nan,
        }

    def _lift(self, w: Vector, won: Vector, rate: float, everyone: float) -> Vector:
        """Each tenth's rate over the rate of all; rows of one score share what they have."""
        # Ties are spread evenly: the cumulated yeses rise straight through a step of equal scores.
        weights = np.r_[0.0, np.cumsum(w)[self.ends]]
        yeses = np.r_[0.0, np.cumsum(won)[self.ends]]
        edges = np.interp(np.linspace(0, everyone, DECILES + 1), weights, yeses)
        lifts: Vector = np.diff(edges) / (everyone / DECILES) / rate
        return lifts


def draws(rows: int, *, seed: int, count: int = DRAWS) -> Iterator[Vector]:
    """Yield how often each row is drawn, `count` times: float64 (rows,), the same for a seed."""
    chance = np.random.default_rng(seed)
    for _ in range(count):
        drawn = chance.integers(0, rows, rows)
        yield np.bincount(drawn, minlength=rows).astype(np.float64)


def interval(values: NDArray[np.float64]) -> tuple[Vector, Vector]:
    """The 95 % percentile interval over the first axis; NaN where no draw could measure."""
    if not len(values):
        nothing = np.full(values.shape[1:], np.nan)
        return nothing, nothing
    low, high = np.nanpercentile(values, INTERVAL, axis=0) if not np.isnan(values).all() else (
        np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    )  # fmt: skip
    return np.asarray(low), np.asarray(high)
