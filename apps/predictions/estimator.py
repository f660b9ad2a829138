"""Gradient-boosted trees with calibrated probabilities: a frozen spec, and what it learns.

Only workers import this module: LightGBM and scikit-learn take seconds and 160 MB.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from apps.predictions.domain.hyperparameters import Hyperparameters

ISOTONIC_FROM = 200  # positives: with fewer a step function follows the noise
EDGE = 1e-6  # probabilities stay this far from 0 and 1

Vector = NDArray[np.float64]


class PropensityModel:
    """Foresees the probability of a yes from one row of features.

    After `fit`: `booster_` (the trees) and `calibration_` (how their raw score becomes a
    probability; JSON).
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        self.hyperparameters = hyperparameters
        self.booster_: lightgbm.Booster | None = None
        self.calibration_: dict[str, Any] = {}

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        calibration_x: ArrayLike,
        calibration_y: ArrayLike,
        categorical: Sequence[int] = (),
    ) -> "PropensityModel":
        """Grow the trees on (x, y), then learn the calibration on rows that they did not see.

        Args:
            x: float (rows, features), NaN where unknown.
            y: 0 or 1, (rows,).
            calibration_x, calibration_y: the held-out slice, alike.
            categorical: the columns whose numbers are codes.
        """
        own = self.hyperparameters
        data = lightgbm.Dataset(
            np.asarray(x, np.float64),
            np.asarray(y, np.float64),
            categorical_feature=list(categorical),
            params={"verbose": -1},
        )
        self.booster_ = lightgbm.train(_parameters(own), data, num_boost_round=own.trees)
        raw = self.raw_scores(calibration_x)
        self.calibration_ = _calibration(raw, np.asarray(calibration_y, np.float64))
        return self

    def raw_scores(self, x: ArrayLike) -> Vector:
        """Return the log-odds that the trees give, not calibrated: float64 (rows,)."""
        assert self.booster_ is not None, "fit first"
        raw = self.booster_.predict(np.asarray(x, np.float64), raw_score=True)
        return np.asarray(raw, np.float64)

    def probabilities(self, x: ArrayLike) -> Vector:
        """Return calibrated probabilities: float64 (rows,), within (0, 1)."""
        return calibrated(self.raw_scores(x), self.calibration_)

    def text(self) -> str:
        """Return the trees in LightGBM's own text form."""
        assert self.booster_ is not None, "fit first"
        return str(self.booster_.model_to_string())

    def gains(self) -> list[float]:
        """Return each feature's share of what the splits gained; they sum to 1 (or are all 0)."""
        assert self.booster_ is not None, "fit first"
        gains = self.booster_.feature_importance("gain")
        total = float(gains.sum())
        return [float(gain) / total if total else 0.0 for gain in gains]

    @classmethod
    def restored(
        cls, text: str, calibration: Mapping[str, Any], hyperparameters: Mapping[str, Any]
    ) -> "PropensityModel":
        """Return a fitted model from what was stored."""
        model = cls(Hyperparameters(**hyperparameters))
        model.booster_ = lightgbm.Booster(model_str=text)
        model.calibration_ = dict(calibration)
        return model

    def document(self) -> dict[str, Any]:
        """Return the hyperparameters as JSON."""
        return asdict(self.hyperparameters)


def calibrated(raw: Vector, calibration: Mapping[str, Any]) -> Vector:
    """Return probabilities of raw scores: Platt's sigmoid, or steps between known points."""
    if calibration["kind"] == "platt":
        exponent = np.clip(calibration["slope"] * raw + calibration["shift"], -30, 30)
        found = 1 / (1 + np.exp(-exponent))
    else:
        found = np.interp(raw, calibration["raw"], calibration["probability"])
    bounded: Vector = np.clip(found, EDGE, 1 - EDGE)
    return bounded


def _calibration(raw: Vector, y: Vector) -> dict[str, Any]:
    """Learn a monotone map. Platt's two numbers where there are few positives, else isotonic."""
    positives, rows = float(y.sum()), len(y)
    if not 0 < positives < rows:
        # Nothing to tell apart: the scores as they are.
        return {"kind": "platt", "slope": 1.0, "shift": 0.0}
    if positives < ISOTONIC_FROM or rows - positives < ISOTONIC_FROM:
        # Platt's targets, a little short of 0 and 1, by weighting each row both ways.
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
    # A slice of n rows without a yes does not prove that there is none: Laplace's 1 / (n + 2).
    edge = 1 / (rows + 2)
    steps = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(raw, y)
    return {
        "kind": "isotonic",
        "raw": [float(value) for value in steps.X_thresholds_],
        "probability": [float(value) for value in steps.y_thresholds_],
    }


def _parameters(own: Hyperparameters) -> dict[str, Any]:
    return {
        "objective": "binary",
        "num_leaves": own.leaves,
        "learning_rate": own.learning_rate,
        "min_data_in_leaf": own.min_rows_in_leaf,
        "bagging_fraction": own.row_share,
        "bagging_freq": 1,
        "feature_fraction": own.feature_share,
        "lambda_l2": own.l2,
        "seed": own.seed,
        "deterministic": True,
        "force_row_wise": True,
        # One: threads that spin while other processes want the cores make it many times slower.
        "num_threads": 1,
        "verbose": -1,
    }
