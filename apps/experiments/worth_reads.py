"""What personalization earns, as its page shows it: reads and two small writes. Light."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.access.services import record_audit
from apps.experiments.models import (
    ChoiceWorth,
    Experiment,
    Holdout,
    Metric,
    Result,
    WorthAsked,
)
from apps.experiments.tasks import WORTH
from apps.work import services as work
from apps.work.selectors import open_work
from apps.work.types import Standing

JSON = Any
MOST = 50  # experiments that are shown, the newest first


@dataclass(frozen=True, slots=True)
class HoldoutTold:
    """A holdout and what it says; `document` is None before the first time."""

    id: UUID
    name: str
    share: float
    is_enabled: bool
    placements: list[str]
    worked_out_at: datetime | None
    document: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class ExperimentTold:
    """An experiment, what choosing in it is worth, and its result."""

    id: UUID
    name: str
    is_running: bool
    document: Mapping[str, JSON]
    result: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that the page of a site shows."""

    holdouts: list[HoldoutTold]
    experiments: list[ExperimentTold]
    metrics: list[tuple[UUID, str, str]] = field(default_factory=list)
    metric_id: UUID | None = None
    cost: float | None = None


def told(site_id: UUID) -> Told:
    """Return what is known of a site. Five queries."""
    holdouts = Holdout.objects.filter(site_id=site_id, archived_at=None).select_related("worth")
    choices = (
        ChoiceWorth.objects.filter(
            phase__experiment__site_id=site_id,
            phase__experiment__archived_at=None,
            phase__number=F("phase__experiment__phase"),
        )
        .select_related("phase__experiment")
        .order_by("-phase__started_at")[:MOST]
    )
    found = list(choices)
    results = dict(
        Result.objects.filter(phase__in=[one.phase_id for one in found]).values_list(
            "phase_id", "document"
        )
    )
    metrics = Metric.objects.filter(site_id=site_id, archived_at=None).exclude(
        kind__in=(Metric.Kind.QUANTILE, Metric.Kind.RATIO)
    )
    asked = WorthAsked.objects.filter(site_id=site_id).first()
    return Told(
        [_holdout(one) for one in holdouts.order_by("name")],
        [
            ExperimentTold(
                one.phase.experiment.pk, one.phase.experiment.name,
                one.phase.experiment.state == Experiment.State.RUNNING,
                one.document, results.get(one.phase_id),
            )
            for one in found
        ],
        list(metrics.order_by("name").values_list("pk", "name", "currency")),
        asked.metric_id if asked else None,
        asked.cost if asked else None,
    )  # fmt: skip


def _holdout(one: Holdout) -> HoldoutTold:
    kept = getattr(one, "worth", None)
    return HoldoutTold(
        one.pk, one.name, one.share, one.is_enabled, list(one.placements),
        kept.worked_out_at if kept else None, kept.document if kept else None,
    )  # fmt: skip


@transaction.atomic
def ask(
    site_id: UUID, metric_id: UUID | None, cost: float | None, *, actor: Any, now: datetime
) -> None:
    """Keep what a site wants to know of its return, and have it worked out."""
    metric = Metric.objects.filter(site_id=site_id, pk=metric_id).first() if metric_id else None
    WorthAsked.objects.update_or_create(site_id=site_id, defaults={"metric": metric, "cost": cost})
    record_audit(
        action="experiments.worth_asked",
        actor=actor,
        site_id=site_id,
        target_kind="access.site",
        target_id=str(site_id),
        detail={"metric": metric.key if metric else None, "cost": cost},
        now=now,
    )
    ask_refresh(site_id, now=now)


def ask_refresh(site_id: UUID, *, now: datetime) -> None:
    """Have it worked out anew."""
    work.ask(WORTH, key="site", site_id=site_id, now=now)


def refresh_of(site_id: UUID) -> Standing | None:
    """Return the work that is under way, None without any. One query."""
    return open_work(site_id, (WORTH,))
