"""How a raw score becomes a probability that can be believed. JSON; the scorers read it too."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from apps.predictions.estimators.protocol import Vector

ISOTONIC_FROM: Final = 200  # of each class: with fewer a step function follows the noise
EDGE: Final = 1e-6  # probabilities stay this far from 0 and 1
BEYOND: Final = 5.0  # log-odds past the last known score, up to which order is kept
SLIGHTLY: Final = 0.01  # of what is left to 0 or 1


def calibrated(raw: Vector, calibration: Mapping[str, Any]) -> Vector:
    """Return probabilities of raw scores: Platt's sigmoid, or steps between known points."""
    if calibration["kind"] == "platt":
        exponent = np.clip(calibration["slope"] * raw + calibration["shift"], -30, 30)
        found = 1 / (1 + np.exp(-exponent))
    else:
        found = np.interp(raw, calibration["raw"], calibration["probability"])
    bounded: Vector = np.clip(found, EDGE, 1 - EDGE)
    return bounded


def learned(raw: Vector, y: Vector) -> dict[str, Any]:
    """Learn a monotone map from scores of rows that the model was not taught with.

    Platt's two numbers where there are few of either class, else isotonic regression.
    """
    positives, rows = float(y.sum()), len(y)
    if not 0 < positives < rows:
        # Nothing to tell apart: the scores as they are.
        return {"kind": "platt", "slope": 1.0, "shift": 0.0}
    if positives < ISOTONIC_FROM or rows - positives < ISOTONIC_FROM:
        return _platt(raw, y)
    return _centred_isotonic(raw, y)


def _centred_isotonic(raw: Vector, y: Vector) -> dict[str, Any]:
    """Isotonic regression, joined at the centres of its steps instead of at their edges.

    Steps alone would give many people one and the same probability, and the order within a step
    would be lost. Beyond the outermost centres it rises by next to nothing, for the same reason.
    Source: Oron and Flournoy, "Centered isotonic regression", Stat. Biopharm. Res. 9 (2017).
    """
    # A slice of n rows without a yes does not prove that there is none: Laplace's 1 / (n + 2).
    edge = 1 / (len(y) + 2)
    fitted = IsotonicRegression(y_min=edge, y_max=1 - edge).fit_transform(raw, y)
    levels, step_of = np.unique(fitted, return_inverse=True)
    rows = np.bincount(step_of)
    centres = np.bincount(step_of, weights=raw) / rows
    low, high = float(levels[0]), float(levels[-1])
    return {
        "kind": "isotonic",
        "raw": [
            float(raw.min()) - BEYOND,
            *(float(one) for one in centres),
            float(raw.max()) + BEYOND,
        ],
        "probability": [
            low * (1 - SLIGHTLY),
            *(float(one) for one in levels),
            high + (1 - high) * SLIGHTLY,
        ],
    }


def _platt(raw: Vector, y: Vector) -> dict[str, Any]:
    """Platt's targets, a little short of 0 and 1, by weighting each row both ways."""
    positives, rows = float(y.sum()), len(y)
    high, low = (positives + 1) / (positives + 2), 1 / (rows - positives + 2)
    targets = np.where(y > 0, high, low)
    fitted = LogisticRegression(C=math.inf).fit(
        np.concatenate([raw, raw])[:, None],
        np.concatenate([np.ones(rows), np.zeros(rows)]),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    slope, shift = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    # A falling map would turn the model upside down: then the rate alone is the best guess.
    if slope <= 0:
        slope, shift = 0.0, math.log(positives / (rows - positives))
    return {"kind": "platt", "slope": slope, "shift": shift}
