"""What a linear model and a small network have in common: inputs, layers of weights, one document.

The document, one line of JSON, is all that a scorer needs:

    {"method", "hyperparameters", "features": how many columns a row has, "inputs": see inputs.py,
     "gains": see gains(), "layers": [[weights, biases], ...]}

`weights` has a row for each output of the layer. Between layers negative values become 0; what the
last layer gives is the log-odds.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from apps.predictions.domain.hyperparameters import settled
from apps.predictions.estimators.inputs import Input, scaled
from apps.predictions.estimators.protocol import Matrix, Vector, finite

GAUGED: Final = 2_000  # rows on which it is measured what each feature does


class Weighing:
    """A chain of weighted sums. After `fit`: `inputs_`, `layers_`, `features_`."""

    method = ""

    def __init__(self, document: Mapping[str, Any], *, seed: int) -> None:
        self.hyperparameters = settled(self.method, document)
        self.seed = seed
        self.inputs_: list[Input] = []
        self.layers_: list[tuple[Matrix, Vector]] = []
        self.gains_: list[float] = []
        self.features_ = 0

    def raw_scores(self, x: ArrayLike) -> Vector:
        """Return log-odds: float64 (rows,)."""
        return self._answered(scaled(finite(x), self.inputs_))

    def _answered(self, signal: Matrix) -> Vector:
        assert self.layers_, "fit first"
        for number, (weights, biases) in enumerate(self.layers_):
            if number:
                signal = np.maximum(signal, 0.0)
            # Row by row the same sums, however many rows come at once: BLAS would choose otherwise.
            signal = np.einsum("ij,kj->ik", signal, weights) + biases
        return np.asarray(signal[:, 0], np.float64)

    def _keep(self, layers: Sequence[tuple[Matrix, Vector]], seen: Matrix) -> None:
        """Keep what was learned, and how far each feature moves the answer for who taught."""
        # Contiguous, as they are when restored: the order of sums goes by how numbers lie.
        self.layers_ = [
            (np.ascontiguousarray(weights, np.float64), np.ascontiguousarray(biases, np.float64))
            for weights, biases in layers
        ]
        seen = seen[:: max(1, len(seen) // GAUGED)]
        answered, moved = self._answered(seen), np.zeros(self.features_)
        for column in {one[0] for one in self.inputs_}:
            blind = seen.copy()
            blind[:, [place for place, one in enumerate(self.inputs_) if one[0] == column]] = 0.0
            moved[column] = float(np.abs(answered - self._answered(blind)).mean())
        total = float(moved.sum())
        self.gains_ = [float(one) / total if total else 0.0 for one in moved]

    def gains(self) -> list[float]:
        """Return how far the answer moves without each feature, as shares."""
        assert self.layers_, "fit first"
        return list(self.gains_)

    def text(self) -> str:
        """Return the document."""
        assert self.layers_, "fit first"
        return json.dumps(
            {
                "method": self.method,
                "hyperparameters": self.hyperparameters,
                "features": self.features_,
                "inputs": self.inputs_,
                "gains": self.gains_,
                "layers": [[weights.tolist(), bias.tolist()] for weights, bias in self.layers_],
            }
        )

    def document(self) -> Mapping[str, Any]:
        """Return the hyperparameters as JSON."""
        return dict(self.hyperparameters)

    def taken_from(self, document: Mapping[str, Any]) -> Self:
        """Take over what was stored."""
        self.features_, self.inputs_ = document["features"], document["inputs"]
        self.gains_ = document["gains"]
        self.layers_ = [
            (np.array(weights, np.float64).reshape(len(bias), -1), np.array(bias, np.float64))
            for weights, bias in document["layers"]
        ]
        return self
