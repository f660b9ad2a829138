"""Methods of learning behind one protocol. Only workers import this: it takes seconds, 160 MB."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import ArrayLike

from apps.predictions.errors import ArtifactBroken, InvalidHyperparameters
from apps.predictions.estimators.calibration import calibrated, learned
from apps.predictions.estimators.forest import Forest
from apps.predictions.estimators.linear import Linear
from apps.predictions.estimators.network import Network
from apps.predictions.estimators.protocol import Estimator, Matrix, Vector, silent
from apps.predictions.estimators.trees import Trees
from apps.work.types import Progress

__all__ = [
    "Calibrated",
    "Estimator",
    "Matrix",
    "Vector",
    "calibrated",
    "fitted",
    "learned",
    "make",
    "restored",
    "silent",
]

_WEIGHING: Final[Mapping[str, type[Linear | Network]]] = {"linear": Linear, "network": Network}
_GROWING: Final[Mapping[str, type[Trees]]] = {"trees": Trees, "forest": Forest}


def make(method: str, document: Mapping[str, Any], *, seed: int) -> Estimator:
    """Return an estimator that has learned nothing yet.

    Args:
        document: the hyperparameters that differ from the method's defaults.

    Raises:
        InvalidHyperparameters: an unknown method, or values that it cannot learn with.
    """
    if method in _GROWING:
        return _GROWING[method](document, seed=seed)
    if method in _WEIGHING:
        return _WEIGHING[method](document, seed=seed)
    raise InvalidHyperparameters(f"There is no method '{method}'.")


def restored(text: str) -> Estimator:
    """Return what `text()` of a fitted estimator said. It scores; it is not taught again.

    Raises:
        ArtifactBroken: the text is none of ours.
    """
    try:
        if text.startswith("{"):
            document = json.loads(text)
            own = document["hyperparameters"]
            return _WEIGHING[document["method"]](own, seed=0).taken_from(document)
        # A forest says so in its own text.
        method = "forest" if "\naverage_output\n" in text else "trees"
        return _GROWING[method]({}, seed=0).grown(text)
    except Exception as error:
        raise ArtifactBroken(f"The stored model cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A fitted estimator and how its raw score becomes a probability."""

    estimator: Estimator
    calibration: Mapping[str, Any]

    def raw_scores(self, x: ArrayLike) -> Vector:
        """Return log-odds, not calibrated: float64 (rows,). Rankings are judged by these."""
        return self.estimator.raw_scores(x)

    def probabilities(self, x: ArrayLike) -> Vector:
        """Return calibrated probabilities: float64 (rows,), within (0, 1)."""
        return calibrated(self.estimator.raw_scores(x), self.calibration)


def fitted(
    method: str,
    document: Mapping[str, Any],
    *,
    seed: int,
    teach: tuple[Matrix, Vector],
    calibrate: tuple[Matrix, Vector],
    categorical: Sequence[int] = (),
    weight: Vector | None = None,
    progress: Progress = silent,
) -> Calibrated:
    """Teach with one part, learn the calibration on another that did not teach.

    Raises:
        InvalidHyperparameters: as `make`. Whatever `progress` raises.
    """
    estimator = make(method, document, seed=seed)
    estimator.fit(*teach, weight=weight, categorical=categorical, progress=progress)
    return Calibrated(estimator, learned(estimator.raw_scores(calibrate[0]), calibrate[1]))
