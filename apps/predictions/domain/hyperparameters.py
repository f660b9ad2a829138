"""How trees grow: the frozen part of a model that a person may set."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.predictions.errors import InvalidHyperparameters


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How the trees grow. The same values, seed and rows give the same trees."""

    trees: int = 200
    leaves: int = 15
    learning_rate: float = 0.03
    min_rows_in_leaf: int = 20
    row_share: float = 0.8
    feature_share: float = 0.8
    l2: float = 1.0
    seed: int = 0

    @classmethod
    def of(cls, document: Mapping[str, Any], *, seed: int) -> "Hyperparameters":
        """Return the defaults with the document's values.

        Raises:
            InvalidHyperparameters: an unknown name, a wrong type or a value out of its range.
        """
        known = {field.name: field.type for field in fields(cls)}
        for name, value in document.items():
            if name not in known or name == "seed":
                raise InvalidHyperparameters(f"There is no hyperparameter '{name}'.")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidHyperparameters(f"'{name}' is a number.")
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise InvalidHyperparameters(f"'{name}' lies between {low} and {high}.")
            if isinstance(low, int) and not isinstance(value, int):
                raise InvalidHyperparameters(f"'{name}' is a whole number.")
        return cls(**{**document, "seed": seed})


_RANGES: dict[str, tuple[float, float]] = {
    "trees": (1, 5_000),
    "leaves": (2, 1_024),
    "learning_rate": (0.0001, 1.0),
    "min_rows_in_leaf": (1, 100_000),
    "row_share": (0.01, 1.0),
    "feature_share": (0.01, 1.0),
    "l2": (0.0, 1e6),
}
