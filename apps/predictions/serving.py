"""A version ready to answer single rows, in any process: no numpy, no LightGBM package.

Its file is read, its hash and signature are checked and its trees are loaded once, by `of`: never
while a visitor waits.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from apps.predictions import artifacts, native
from apps.predictions.domain.calibrating import probability
from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelVersion
from apps.predictions.native import Native

SEVERAL: Final = '{"outputs"'  # how the text of a model with several outputs begins

Row = Sequence[float | None]


class Part(NamedTuple):
    """One output: what gives the raw score, and how that becomes a probability."""

    model: Native
    calibration: Mapping[str, Any]


class Serving:
    """The models of a version by output; "" is the output of a question that has only one."""

    __slots__ = ("number", "parts", "version_id")

    def __init__(self, version_id: UUID, number: int, parts: Mapping[str, Part]) -> None:
        self.version_id = version_id
        self.number = number
        self.parts = dict(sorted(parts.items()))

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """Load a version.

        Raises:
            ArtifactBroken: its file is missing, or is not what was stored and signed.
            ModelUnavailable: what answers such models is not there.
        """
        return cls(
            version.pk,
            version.number,
            parts_of(artifacts.load(version), version.calibration, len(version.feature_names)),
        )

    def probabilities(self, row: Row) -> dict[str, float]:
        """Return what is foreseen of a row, by output: probabilities within (0, 1).

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        return {
            output: probability(part.model.raw(row), part.calibration)
            for output, part in self.parts.items()
        }

    def contributions(self, row: Row, output: str = "") -> list[float] | None:
        """Return what each feature adds to the raw score, last that of nobody; None: not known.

        Raises:
            RowRefused: another number of features, or an infinity.
        """
        return self.parts[output].model.contributions(row)


def texts_of(text: str, calibration: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return (text, calibration) of each output of a stored model.

    Raises:
        ArtifactBroken: the text is none of ours.
    """
    if not text.startswith(SEVERAL):
        return {"": (text, calibration)}
    try:
        return {
            output: (one, calibration[output])
            for output, one in json.loads(text)["outputs"].items()
        }
    except (ValueError, KeyError, AttributeError) as error:
        raise ArtifactBroken(f"The stored models cannot be read: {error}") from error


def parts_of(text: str, calibration: Mapping[str, Any], features: int) -> dict[str, Part]:
    """Return the models of a stored text, loaded.

    Raises:
        ArtifactBroken, ModelUnavailable: as `Serving.of`.
    """
    return {
        output: Part(native.restored(one, features), own)
        for output, (one, own) in texts_of(text, calibration).items()
    }
