"""How each method learns: the frozen part of a model that a person may set. Pure: pages show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.predictions.errors import InvalidHyperparameters

Number = int | float
METHODS: Final = ("trees", "forest", "linear", "network")
BEST: Final = "best"  # each of them is tried


@dataclass(frozen=True, slots=True)
class Knob:
    """One number that a person may set, or a search may.

    Attributes:
        low, high: what may be set at all.
        between: what a search tries, from and to.
        is_log: whether a search looks at factors rather than at differences.
        grid: what a search by grid tries; empty: the default alone.
        words: what it does, for people who have never heard its name.
    """

    default: Number
    low: Number
    high: Number
    words: str
    between: tuple[Number, Number]
    is_log: bool = False
    grid: tuple[Number, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return isinstance(self.default, int)


KNOBS: Final[Mapping[str, Mapping[str, Knob]]] = {
    "trees": {
        "trees": Knob(200, 1, 5_000, "How many trees, one correcting the other", (50, 400), True),
        "leaves": Knob(
            15, 2, 1_024, "How finely one tree may divide visitors", (4, 63), True, (7, 15, 31)
        ),
        "learning_rate": Knob(
            0.03, 0.0001, 1.0, "How much each tree corrects", (0.01, 0.15), True, (0.03, 0.06)
        ),
        "min_rows_in_leaf": Knob(
            20, 1, 100_000, "How many visitors a leaf needs at least", (10, 100), True, (20, 60)
        ),
        "row_share": Knob(0.8, 0.01, 1.0, "The share of visitors each tree sees", (0.5, 1.0)),
        "feature_share": Knob(0.8, 0.01, 1.0, "The share of features each tree sees", (0.4, 1.0)),
        "l2": Knob(1.0, 0.0, 1e6, "How strongly extreme answers are held back", (0.01, 30.0), True),
    },
    "forest": {
        "trees": Knob(200, 1, 5_000, "How many trees vote", (100, 400), True),
        "leaves": Knob(
            127, 2, 1_024, "How finely one tree may divide visitors", (31, 511), True,
            (63, 127, 255),
        ),
        "min_rows_in_leaf": Knob(
            5, 1, 100_000, "How many visitors a leaf needs at least", (2, 50), True, (3, 10)
        ),
        "feature_share": Knob(
            0.5, 0.01, 1.0, "The share of features each split sees", (0.2, 0.9), False, (0.3, 0.6)
        ),
    },
    "linear": {
        "l2": Knob(
            1.0, 0.0001, 1e6, "How strongly weights are held back", (0.01, 1000.0), True,
            (0.1, 1.0, 10.0, 100.0),
        ),
    },
    "network": {
        "first_layer": Knob(
            32, 1, 256, "Neurons of the first layer", (8, 64), True, (16, 32)
        ),
        "second_layer": Knob(16, 1, 256, "Neurons of the second layer", (4, 32), True),
        "l2": Knob(
            1.0, 0.0001, 1e4, "How strongly weights are held back", (0.01, 100.0), True,
            (0.1, 1.0, 10.0),
        ),
        "learning_rate": Knob(0.003, 0.0001, 0.1, "How large its steps are", (0.001, 0.01), True),
        "passes": Knob(40, 1, 1_000, "How often it sees each visitor", (10, 60), True),
    },
}  # fmt: skip


def settled(method: str, document: Mapping[str, Any]) -> dict[str, Number]:
    """Return a method's defaults with the document's values.

    For `best` the values are checked, and only they are returned: each method takes those it knows.

    Raises:
        InvalidHyperparameters: an unknown method or name, a wrong type, a value out of its range.
    """
    if method == BEST:
        for name, value in document.items():
            of = [KNOBS[one][name] for one in METHODS if name in KNOBS[one]]
            if not of:
                raise InvalidHyperparameters(f"There is no hyperparameter '{name}'.")
            for knob in of:
                _check(name, value, knob)
        return dict(document)
    knobs = KNOBS.get(method)
    if knobs is None:
        raise InvalidHyperparameters(
            f"There is no method '{method}'. There are {', '.join(METHODS)}, and {BEST}."
        )
    for name, value in document.items():
        if name not in knobs:
            raise InvalidHyperparameters(
                f"There is no hyperparameter '{name}' of the method '{method}'. There are "
                f"{', '.join(knobs)}."
            )
        _check(name, value, knobs[name])
    return {name: knob.default for name, knob in knobs.items()} | dict(document)


def known_to(method: str, document: Mapping[str, Any]) -> dict[str, Number]:
    """Return the values that a method knows, of a document for several methods."""
    return {name: value for name, value in document.items() if name in KNOBS[method]}


def _check(name: str, value: object, knob: Knob) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidHyperparameters(f"'{name}' is a number.")
    if not knob.low <= value <= knob.high:
        raise InvalidHyperparameters(f"'{name}' lies between {knob.low} and {knob.high}.")
    if knob.is_whole and not isinstance(value, int):
        raise InvalidHyperparameters(f"'{name}' is a whole number.")
