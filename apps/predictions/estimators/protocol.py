"""What every method of learning offers, so that the rest need not know which it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from apps.work.types import Progress

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


class Estimator(Protocol):
    """Learns from rows of features and their outcomes; the same rows and seed, bit for bit alike.

    Rows are float64 (rows, features), NaN where unknown; an infinity is as good as unknown.
    Outcomes are 0 or 1. One thread.
    """

    method: str

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        weight: Vector | None = None,
        categorical: Sequence[int] = (),
        progress: Progress = silent,
    ) -> Self:
        """Learn. `categorical`: the columns whose numbers are codes. `progress` may raise."""
        ...

    def raw_scores(self, x: ArrayLike) -> Vector:
        """Return log-odds, not calibrated: float64 (rows,)."""
        ...

    def contributions(self, x: ArrayLike) -> Matrix | None:
        """Return exact SHAP values of the raw score: float64 (rows, features + 1).

        The last column is the score of nobody in particular; a row sums to its raw score. None
        where the method has no exact ones.
        """
        ...

    def gains(self) -> list[float]:
        """Return each feature's share in what it tells apart; they sum to 1, or are all 0."""
        ...

    def text(self) -> str:
        """Return what was learned as text, for `restored`."""
        ...

    def document(self) -> Mapping[str, Any]:
        """Return the hyperparameters, all of them, as JSON."""
        ...


def finite(x: ArrayLike) -> Matrix:
    """Return rows as float64 with NaN for what is not finite. The caller's own are left alone."""
    rows = np.asarray(x, np.float64)
    if np.isinf(rows).any():
        rows = np.where(np.isinf(rows), np.nan, rows)
    return rows
