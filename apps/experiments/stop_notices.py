"""Arms that were stopped by themselves, for the home page. Nothing here is heavy."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.urls import reverse

from apps.experiments.models import Change, Experiment, Phase
from apps.work.attention import Notice

PERMISSION: Final = "experiments.view_experiment"


def tell(site_id: UUID, now: datetime) -> Iterator[Notice]:
    """Yield a line for each arm that is stopped by itself in what runs. Two queries at the most."""
    phases = Phase.objects.filter(
        experiment__site_id=site_id,
        experiment__state__in=[Experiment.State.RUNNING, Experiment.State.PAUSED],
        ended_at=None,
    ).exclude(stopped=[])
    by_experiment = {phase.experiment_id: phase for phase in phases.select_related("experiment")}
    if not by_experiment:
        return
    changes = Change.objects.filter(experiment__in=by_experiment, action="arm_stopped")
    newest = {
        (change.experiment_id, change.phase, change.detail.get("arm")): change
        for change in changes.order_by("at", "pk")
    }
    for experiment_id, phase in by_experiment.items():
        for key in phase.stopped:
            change = newest.get((experiment_id, phase.number, key))
            if change is None or change.detail.get("cause") == "hand":
                continue
            text = f"{phase.experiment.name}: an arm was stopped by itself. {change.note}"
            link = reverse("admin:experiment_results", args=[experiment_id])
            yield Notice("bad", text, link, "Look at it")
