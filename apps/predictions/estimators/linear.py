"""Logistic regression with held-back weights: the plainest model, and often a hard one to beat."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from apps.predictions.estimators.inputs import by_column, inputs_of, scaled
from apps.predictions.estimators.protocol import Matrix, Vector, finite, silent
from apps.predictions.estimators.weighing import Weighing
from apps.work.types import Progress


class Linear(Weighing):
    """One weighted sum."""

    method = "linear"

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        weight: Vector | None = None,
        categorical: Sequence[int] = (),
        progress: Progress = silent,
    ) -> Self:
        """Weigh the inputs."""
        rows, happened = finite(x), np.asarray(y, np.float64)
        self.features_, self.inputs_ = rows.shape[1], inputs_of(rows, categorical)
        progress(0, 1, "Weighing features")
        if not self.inputs_:
            rate = np.clip(np.average(happened, weights=weight), 1e-6, 1 - 1e-6)
            empty = (np.zeros((1, 0)), np.array([np.log(rate / (1 - rate))]))
            self._keep([empty], np.zeros((len(rows), 0)))
            return self
        seen = scaled(rows, self.inputs_)
        with threadpool_limits(1):
            fitted = LogisticRegression(
                C=1 / float(self.hyperparameters["l2"]), max_iter=1_000, tol=1e-6
            ).fit(seen, happened, sample_weight=weight)
        self._keep([(fitted.coef_, fitted.intercept_)], seen)
        progress(1, 1, "Weighing features")
        return self

    def contributions(self, x: ArrayLike) -> Matrix:
        """Return exact SHAP values: weight times distance from the mean of who taught.

        Source: Lundberg and Lee, NeurIPS 2017, corollary 1 (features taken as independent).
        """
        (weights, bias), *_ = self.layers_
        parts = scaled(finite(x), self.inputs_) * weights[0]
        summed = by_column(parts, self.inputs_, self.features_)
        return np.hstack([summed, np.full((len(summed), 1), bias[0])])
