"""What of models wants a person: a broken file, a version that waits, a training that failed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.urls import reverse

from apps.predictions import gates
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work.attention import Notice

PERMISSION: Final = "predictions.view_modelspec"


def tell(site_id: UUID, now: datetime) -> Iterator[Notice]:
    """Yield a line for each model that wants somebody. Two statements, and a look at each file."""
    specs = list(ModelSpec.objects.filter(site_id=site_id, is_enabled=True).order_by("name"))
    if not specs:
        return
    champions = ModelVersion.objects.filter(
        spec__in=specs, state=ModelVersion.State.CHAMPION
    ).select_related("spec")
    for version in champions:
        gate = gates.whole(version, now)
        if gate is not None and not gate[1]:
            text = f"The model {version.spec} cannot score: {gate[2]} Its old scores stay."
            yield Notice("bad", text, _page(version.spec_id), "To the model")
    runs = TrainingRun.objects.filter(spec__in=specs).order_by("spec", "-started_at")
    for run in runs.distinct("spec").select_related("spec"):
        if run.state == TrainingRun.State.READY:
            text = f"A version of the model {run.spec} is ready and waits for a yes."
            yield Notice("info", text, _page(run.spec_id), "Look at it")
        elif run.state == TrainingRun.State.FAILED:
            text = f"The last training of the model {run.spec} failed: {run.outcome}"
            yield Notice("warn", text, _page(run.spec_id), "To the model")


def _page(spec_id: UUID) -> str:
    return reverse("admin:predictions_modelspec_change", args=[spec_id])
