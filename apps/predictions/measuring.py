"""What is measured of a model that has been taught: what it goes by, how quick it is.

Only workers import this module.
"""

import platform
import statistics
import time
from typing import Any, Final

import lightgbm
import numpy as np
import sklearn

from apps.predictions import explaining, native
from apps.predictions.errors import ModelUnavailable
from apps.predictions.estimators import Matrix
from apps.predictions.fitted import Fitted
from apps.predictions.reading import JUDGE, Looked

TIMED_ROWS: Final = 200
EXPLAINED_ROWS: Final = 1_000


def importance(looked: Looked, fitted: Fitted) -> list[list[Any]]:
    """Return what it goes by, by mean absolute SHAP value; nothing where a method has none."""
    shares: dict[str, float] = {}
    for model in fitted.parts.values():
        found = model.estimator.contributions(looked.x(JUDGE)[:EXPLAINED_ROWS])
        if found is None:
            return []
        for name, share in explaining.importance(looked.names, found.tolist()):
            shares[name] = shares.get(name, 0.0) + share / len(fitted.parts)
    ordered = sorted(shares.items(), key=lambda one: (-one[1], one[0]))
    return [[name, round(share, 4)] for name, share in ordered if share > 0]


def deciles(looked: Looked) -> dict[str, list[float]]:
    """Return what visitors really have of each feature: nine numbers, ascending."""
    found = {}
    for name, column in zip(looked.names, looked.x(JUDGE).T, strict=True):
        known = column[np.isfinite(column)]
        if len(known):
            found[name] = [float(v) for v in np.quantile(known, np.arange(0.1, 0.95, 0.1))]
    return found


def microseconds(fitted: Fitted, x: Matrix) -> float | None:
    """Return how long one visitor takes in the way of decisions, the median; None: cannot."""
    total = 0.0
    rows = np.where(np.isfinite(x[:TIMED_ROWS]), x[:TIMED_ROWS], np.nan).tolist()
    try:
        for model in fitted.parts.values():
            own = native.restored(model.estimator.text(), x.shape[1])
            took = []
            for row in rows:
                began = time.perf_counter()
                own.raw(row)
                took.append(time.perf_counter() - began)
            total += statistics.median(took)
    except ModelUnavailable:
        return None
    return round(total * 1e6, 2)


def software() -> dict[str, str]:
    """Return what a model was made with, by name."""
    return {
        "python": platform.python_version(),
        "lightgbm": lightgbm.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
