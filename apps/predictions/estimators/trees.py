"""Gradient-boosted trees by LightGBM. Its text form is what every scorer of ours reads."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import ArrayLike

from apps.predictions.domain.hyperparameters import settled
from apps.predictions.estimators.protocol import Matrix, Vector, finite, silent
from apps.work.types import Progress

TOLD_EVERY = 10  # trees


class Trees:
    """Boosted trees. After `fit`: `booster_`."""

    method = "trees"

    def __init__(self, document: Mapping[str, Any], *, seed: int) -> None:
        self.hyperparameters = settled(self.method, document)
        self.seed = seed
        self.booster_: lightgbm.Booster | None = None

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        weight: Vector | None = None,
        categorical: Sequence[int] = (),
        progress: Progress = silent,
    ) -> Self:
        """Grow the trees. What `progress` raises is raised here, after LightGBM has let go."""
        data = lightgbm.Dataset(
            finite(x),
            np.asarray(y, np.float64),
            weight=None if weight is None else np.asarray(weight, np.float64),
            categorical_feature=list(categorical),
            params={"verbose": -1},
        )
        rounds = int(self.hyperparameters["trees"])
        watcher = _Watcher(progress, rounds)
        self.booster_ = lightgbm.train(
            self._parameters(), data, num_boost_round=rounds, callbacks=[watcher]
        )
        if watcher.refusal is not None:
            raise watcher.refusal
        return self

    def _parameters(self) -> dict[str, Any]:
        own = self.hyperparameters
        return COMMON | {
            "seed": self.seed,
            "num_leaves": own["leaves"],
            "learning_rate": own["learning_rate"],
            "min_data_in_leaf": own["min_rows_in_leaf"],
            "bagging_fraction": own["row_share"],
            "bagging_freq": 1,
            "feature_fraction": own["feature_share"],
            "lambda_l2": own["l2"],
        }

    def raw_scores(self, x: ArrayLike) -> Vector:
        """Return the log-odds that the trees give: float64 (rows,)."""
        found = self._grown().predict(finite(x), raw_score=True, num_threads=1)
        return np.asarray(found, np.float64)

    def contributions(self, x: ArrayLike) -> Matrix:
        """Return LightGBM's exact tree SHAP values: float64 (rows, features + 1)."""
        found = self._grown().predict(finite(x), pred_contrib=True, num_threads=1)
        return np.asarray(found, np.float64)

    def gains(self) -> list[float]:
        """Return each feature's share of what the splits gained."""
        gains = self._grown().feature_importance("gain")
        total = float(gains.sum())
        return [float(gain) / total if total else 0.0 for gain in gains]

    def text(self) -> str:
        """Return the trees in LightGBM's own text form."""
        return str(self._grown().model_to_string())

    def document(self) -> Mapping[str, Any]:
        """Return the hyperparameters as JSON."""
        return dict(self.hyperparameters)

    def grown(self, text: str) -> Self:
        """Take over trees that were stored."""
        self.booster_ = lightgbm.Booster(model_str=text)
        return self

    def _grown(self) -> lightgbm.Booster:
        assert self.booster_ is not None, "fit first"
        return self.booster_


COMMON: dict[str, Any] = {
    "objective": "binary",
    "deterministic": True,
    "force_row_wise": True,
    # One: threads that spin while other processes want the cores make it many times slower.
    "num_threads": 1,
    "verbose": -1,
}


class _Watcher:
    """Tells how many trees stand. An exception must not cross the library: it stops the growing,
    and waits here."""

    order = 30
    before_iteration = False

    def __init__(self, progress: Progress, rounds: int) -> None:
        self.progress, self.rounds = progress, rounds
        self.refusal: Exception | None = None

    def __call__(self, env: Any) -> None:
        done = env.iteration + 1
        if done % TOLD_EVERY and done != self.rounds:
            return
        try:
            self.progress(done, self.rounds, "Growing trees")
        except Exception as refusal:
            self.refusal = refusal
            raise lightgbm.callback.EarlyStopException(env.iteration, []) from None
