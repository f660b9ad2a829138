"""What a version says of rows of features: one model, or one for each category.

Only workers import this module (LightGBM, scikit-learn).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from apps.predictions import artifacts, estimators
from apps.predictions.errors import ArtifactBroken
from apps.predictions.estimators import Calibrated, Vector
from apps.predictions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Fitted:
    """Fitted models by output; "" is the output of a question that has only one."""

    parts: Mapping[str, Calibrated]

    def outputs(self, x: ArrayLike) -> dict[str, Vector]:
        """Return calibrated probabilities by output: float64 (rows,) each."""
        return {output: model.probabilities(x) for output, model in self.parts.items()}

    def probabilities(self, x: ArrayLike) -> Vector:
        """Return the probabilities of a question that has one output: float64 (rows,)."""
        return self.parts[""].probabilities(x)

    def text(self) -> str:
        """Return what is stored: the model's own text, or one JSON document for several."""
        if "" in self.parts:
            return self.parts[""].estimator.text()
        texts = {output: model.estimator.text() for output, model in self.parts.items()}
        return json.dumps({"outputs": texts})

    def calibration(self) -> dict[str, Any]:
        """Return how raw scores become probabilities, by output where there are several."""
        if "" in self.parts:
            return dict(self.parts[""].calibration)
        return {output: dict(model.calibration) for output, model in self.parts.items()}

    @classmethod
    def of(cls, text: str, calibration: Mapping[str, Any]) -> "Fitted":
        """Return what was stored, ready to foresee.

        Raises:
            ArtifactBroken: the text is none of ours.
        """
        if not text.startswith('{"outputs"'):
            return cls({"": Calibrated(estimators.restored(text), calibration)})
        try:
            texts = json.loads(text)["outputs"]
            return cls(
                {
                    output: Calibrated(estimators.restored(one), calibration[output])
                    for output, one in texts.items()
                }
            )
        except (ValueError, KeyError, AttributeError) as error:
            raise ArtifactBroken(f"The stored models cannot be read: {error}") from error


def restored(version: ModelVersion) -> Fitted:
    """Return the fitted models of a version.

    Raises:
        ArtifactBroken: its file is missing, or is not what was stored and signed.
    """
    return Fitted.of(artifacts.load(version), version.calibration)
