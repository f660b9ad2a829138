"""A small neural network: two hidden layers, taught by scikit-learn, kept as plain numbers."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from apps.predictions.estimators.inputs import inputs_of, scaled
from apps.predictions.estimators.protocol import Vector, finite, silent
from apps.predictions.estimators.weighing import Weighing
from apps.work.types import Progress


class Network(Weighing):
    """Two hidden layers and one answer."""

    method = "network"

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        weight: Vector | None = None,
        categorical: Sequence[int] = (),
        progress: Progress = silent,
    ) -> Self:
        """Show it the rows again and again. It stops after so many passes, never by the clock."""
        rows, happened = finite(x), np.asarray(y, np.float64)
        self.features_, self.inputs_ = rows.shape[1], inputs_of(rows, categorical)
        own = self.hyperparameters
        taught = MLPClassifier(
            hidden_layer_sizes=(int(own["first_layer"]), int(own["second_layer"])),
            alpha=float(own["l2"]),
            learning_rate_init=float(own["learning_rate"]),
            random_state=self.seed,
        )
        seen = scaled(rows, self.inputs_)
        if not self.inputs_:
            seen = np.zeros((len(rows), 1))  # scikit-learn insists on a column; its weight is cut
        passes = int(own["passes"])
        with threadpool_limits(1):
            for done in range(passes):
                taught.partial_fit(seen, happened, classes=[0.0, 1.0], sample_weight=weight)
                progress(done + 1, passes, "Teaching the network")
        layers = [
            (weights.T, biases)
            for weights, biases in zip(taught.coefs_, taught.intercepts_, strict=True)
        ]
        if not self.inputs_:
            seen, layers[0] = seen[:, :0], (layers[0][0][:, :0], layers[0][1])
        self._keep(layers, seen)
        return self

    def contributions(self, x: ArrayLike) -> None:
        """None: a network has no exact contributions, and an estimate would look like one."""
        return
