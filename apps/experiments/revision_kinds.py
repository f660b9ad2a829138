"""The history of designs: every save is kept, compared and brought back, as for content.

What has been done to an experiment is no part of it: that is in its changes.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.content.errors import RestoreRefused
from apps.content.revisions import Actor, Kind, register_kind
from apps.content.revisions_rows import Shape, rows_kind
from apps.experiments.designing import METRIC_SETTLED, SETTLED, judges_now
from apps.experiments.models import Experiment, Metric

Document = dict[str, Any]
Restore = Callable[[UUID, Document, Actor, datetime], None]

_DONE: Final = frozenset(
    {"state", "phase", "winner", "learnings", "created_at", "created_by", "concluded_at"}
)
_ARM: Final = Shape(parent="experiment")
_GOAL: Final = Shape(parent="experiment")
_EXPERIMENT: Final = Shape(children={"arms": _ARM, "goals": _GOAL}, left_out=_DONE)


def register() -> None:
    """Register them all; called once, when the app is ready."""
    whole = rows_kind("experiment", "Experiment", "experiments.experiment", _EXPERIMENT)
    register_kind(replace(whole, restore=_settled(whole)))
    metric = rows_kind("metric", "Metric", "experiments.metric")
    register_kind(replace(metric, restore=_unmoved(metric)))
    register_kind(rows_kind("layer", "Layer", "experiments.layer"))
    register_kind(rows_kind("holdout", "Holdout", "experiments.holdout"))


def _settled(kind: Kind) -> Restore:
    """Write a document over a design, unless it would move what a started one is judged by."""

    def restore(object_id: UUID, document: Document, actor: Actor, now: datetime) -> None:
        experiment = Experiment.objects.get(pk=object_id)
        if experiment.state != Experiment.State.DRAFT:
            present = kind.document_of(object_id)
            names = [*SETTLED, "goals"]
            if any(document.get(one, present[one]) != present[one] for one in names):
                raise RestoreRefused(
                    f"It is {experiment.get_state_display().lower()}: what it is judged by stays "
                    "as it was started. Make a copy of it, and change that."
                )
        kind.restore(object_id, document, actor, now)

    return restore


def _unmoved(kind: Kind) -> Restore:
    """Write a document over a metric, unless figures are still worked out of it."""

    def restore(object_id: UUID, document: Document, actor: Actor, now: datetime) -> None:
        present = kind.document_of(object_id)
        moves = any(document.get(one, present[one]) != present[one] for one in METRIC_SETTLED)
        if moves and Metric.objects.filter(judges_now(now), pk=object_id).exists():
            raise RestoreRefused(
                "An experiment is judged by it, or was until lately: what it measures stays as it "
                "is. Make another metric."
            )
        kind.restore(object_id, document, actor, now)

    return restore
