"""Versions as a training keeps them, without the minutes it takes."""

from datetime import timedelta
from typing import Any

from apps.predictions import artifacts, runs
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work.ids import uuid7
from tests.apps.recommendations.world import NOW

# A weighted sum of one feature, as the linear method writes it.
TEXT = (
    '{"method": "linear", "hyperparameters": {"l2": 1.0}, "features": 1,'
    ' "inputs": [[0, "number", 0.0, 0.0, 1.0]], "layers": [[[[1.0]], [0.0]]]}'
)
GREEN = [["beats_plain", True, "Better than the plain rate."]]


def keep_version(spec: ModelSpec, number: int, **options: Any) -> ModelVersion:
    """Keep a signed candidate that waits for a yes, with its run."""
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=options.pop("trained_at", NOW + timedelta(days=number)),
        feature_names=["events"],
        calibration={"kind": "platt", "slope": 1.0, "shift": 0.0},
        lineage={"question": {"target_event": spec.target_event}, "software": {}},
        method="linear",
        data_sha256="0" * 64,
        **{"gates": GREEN, "card": {}} | options,
    )
    version.artifact_sha256 = artifacts.store(version.pk, TEXT)
    version.signature = artifacts.sign(version)
    runs.keep(version)
    assert version.number == number
    run = runs.begin(spec, now=version.trained_at)
    run.version = version
    runs.finish(run, TrainingRun.State.READY, f"Version {number} is ready and waits for a yes.")
    return version
