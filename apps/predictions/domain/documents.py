"""Linear models and small networks as JSON, answered in plain Python: what numpy says of them too.

    {"method": "linear", "features": 3, "inputs": [[column, kind, fill or code, mean, scale], ...],
     "layers": [[[[weight, ...], ...], [bias, ...]], ...]}

An input of the kind "number" is asinh of the feature, or `fill` where there is nothing to measure;
"missing" is 1 there, else 0; "is" is 1 where the feature is this code. Each then has its mean taken
off and is divided by its scale. Between layers what is below 0 becomes 0; the last gives log-odds.
"""

import json
from collections.abc import Sequence
from math import asinh, isinf
from typing import Final, NamedTuple, Self

from apps.predictions.errors import RowRefused

_KINDS: Final = ("number", "missing", "is")


class _Input(NamedTuple):
    column: int
    kind: str
    known: float  # what fills a gap, or the code that is looked for
    mean: float
    scale: float

    def of(self, value: float | None) -> float:
        is_missing = value is None or value != value
        if self.kind == "number":
            found = self.known if is_missing else asinh(value or 0.0)
        elif self.kind == "missing":
            found = 1.0 if is_missing else 0.0
        else:
            found = 1.0 if value == self.known else 0.0
        return (found - self.mean) / self.scale


class Network:
    """Layers of weights over standardised inputs; with one layer and one output it is linear."""

    __slots__ = ("_inputs", "_layers", "features")

    def __init__(
        self,
        features: int,
        inputs: Sequence[_Input],
        layers: Sequence[tuple[list[list[float]], list[float]]],
    ) -> None:
        self.features = features
        self._inputs = tuple(inputs)
        self._layers = tuple(layers)

    @classmethod
    def of(cls, text: str, features: int) -> Self:
        """Read a stored document.

        Raises:
            ValueError, LookupError, TypeError: it is none, or is of other features.
        """
        document = json.loads(text)
        if document["features"] != features:
            raise ValueError(f"it is of {document['features']} features, and {features} are named")
        inputs = [
            _Input(int(column), kind, float(known or 0.0), float(mean), float(scale))
            for column, kind, known, mean, scale in document["inputs"]
        ]
        if not all(one.kind in _KINDS and 0 <= one.column < features for one in inputs):
            raise ValueError("an input is of no known kind, or of no feature")
        layers = [(weights, biases) for weights, biases in document["layers"]]
        width = len(inputs)
        for weights, biases in layers:
            if len(weights) != len(biases) or any(len(row) != width for row in weights):
                raise ValueError("its layers do not fit each other")
            width = len(biases)
        if width != 1:
            raise ValueError("its last layer has more than one output")
        return cls(features, inputs, layers)

    def raw(self, row: Sequence[float | None]) -> float:
        """Return the log-odds of a row.

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        values = self._read(row)
        last = len(self._layers) - 1
        for place, (weights, biases) in enumerate(self._layers):
            values = [
                sum(map(_times, weight, values)) + bias
                for weight, bias in zip(weights, biases, strict=True)
            ]
            if place != last:
                values = [value if value > 0 else 0.0 for value in values]
        return values[0]

    def contributions(self, row: Sequence[float | None]) -> list[float] | None:
        """Return what each feature adds to the log-odds, and last the score of nobody.

        None for a network of more than one layer: what a feature adds there depends on the others.

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        if len(self._layers) != 1:
            return None
        (weights, biases) = self._layers[0]
        found = [0.0] * self.features
        for one, weight, value in zip(self._inputs, weights[0], self._read(row), strict=True):
            found[one.column] += weight * value
        return [*found, biases[0]]

    def _read(self, row: Sequence[float | None]) -> list[float]:
        if len(row) != self.features:
            raise RowRefused(f"A row has {self.features} features, not {len(row)}.")
        for place, value in enumerate(row):
            if value is not None and isinf(value):
                raise RowRefused(f"Feature {place + 1} is infinite.")
        return [one.of(row[one.column]) for one in self._inputs]


def _times(weight: float, value: float) -> float:
    return weight * value
