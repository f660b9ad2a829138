"""Questions what another rule would have earned: asked by a page, answered by a worker, kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.experiments.models import Metric, WhatIf
from apps.experiments.rewards import KINDS, AllShown, Shown, rewards_of, shown_first
from apps.work import services as work

KIND: Final = "experiments.what_if"
KEPT: Final = timedelta(days=180)
ASKED: Final = timedelta(minutes=30)  # then the work on it was lost

__all__ = [
    "KIND",
    "AllShown",
    "Question",
    "Shown",
    "answer",
    "ask",
    "find",
    "latest",
    "metric_of",
    "metrics_of",
    "refuse",
    "rewards_of",
    "shown_first",
]


@dataclass(frozen=True, slots=True)
class Question:
    """One question and, when it is there, its answer.

    Attributes:
        policy: see `models.WhatIf`.
        metric: its key; metric_name: what it is called.
        found: the answer as JSON; None while it is worked out, and when it was refused.
        refused: why there is none, in words.
    """

    id: UUID
    site_id: UUID
    placement: str
    metric_id: UUID
    metric_name: str
    metric_kind: str
    days: int
    policy: Mapping[str, Any]
    everybody: bool
    by: str
    at: datetime
    intent_id: UUID | None
    found: Mapping[str, Any] | None
    refused: str


@transaction.atomic
def ask(
    *,
    site_id: UUID,
    placement: str,
    metric_id: UUID,
    days: int,
    policy: Mapping[str, Any],
    everybody: bool,
    actor: Any,
    now: datetime,
) -> Question:
    """Ask a worker what another rule would have earned. While one waits it is not asked twice."""
    WhatIf.objects.filter(site_id=site_id, at__lt=now - KEPT).delete()
    asked = {
        "site_id": site_id,
        "placement": placement,
        "metric_id": metric_id,
        "days": days,
        "policy": dict(policy),
        "everybody": everybody,
    }
    waiting = _rows().filter(**asked, found=None, refused="", at__gt=now - ASKED).first()
    if waiting is not None:
        return _question(waiting)
    made = WhatIf.objects.create(**asked, by=actor, at=now)
    intent = work.ask(
        KIND, key=str(made.pk), site_id=site_id, now=now, payload={"what_if": str(made.pk)}
    )
    made.intent_id = intent.pk
    made.save(update_fields=["intent_id"])
    return _question(made)


def find(site_id: UUID, what_if_id: UUID) -> Question | None:
    """Return a question of the site. One query."""
    found = _rows().filter(site_id=site_id, pk=what_if_id).first()
    return None if found is None else _question(found)


def latest(site_id: UUID, most: int = 10) -> list[Question]:
    """Return the newest questions of a site. One query."""
    return [_question(one) for one in _rows().filter(site_id=site_id).order_by("-at", "-pk")[:most]]


def answer(what_if_id: UUID, found: Mapping[str, Any]) -> None:
    """Keep what came of a question."""
    WhatIf.objects.filter(pk=what_if_id).update(found=dict(found), refused="")


def refuse(what_if_id: UUID, why: str) -> None:
    """Keep why there is no answer."""
    WhatIf.objects.filter(pk=what_if_id).update(refused=why)


def metrics_of(site_id: UUID) -> Sequence[Metric]:
    """Return the metrics that a person has a value of. One query."""
    rows = Metric.objects.filter(site_id=site_id, kind__in=KINDS, archived_at=None)
    return list(rows.order_by("name", "pk"))


def metric_of(question: Question) -> Metric:
    """Return the metric of a question. One query."""
    return Metric.objects.get(pk=question.metric_id)


def _rows() -> Any:
    return WhatIf.objects.select_related("by", "metric")


def _question(row: WhatIf) -> Question:
    return Question(
        row.pk,
        row.site_id,
        row.placement,
        row.metric_id,
        row.metric.name,
        row.metric.kind,
        row.days,
        row.policy,
        row.everybody,
        row.by.get_username() if row.by is not None else "",
        row.at,
        row.intent_id,
        row.found,
        row.refused,
    )
