"""Dry runs that were asked for, and what came of them: kept for the page that shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.decisions.served_models import DryRunAsked
from apps.work import services as work

KIND: Final = "studio.dry_run"
KEPT: Final = timedelta(days=30)
ASKED: Final = timedelta(minutes=10)  # then the work on it was lost


@dataclass(frozen=True, slots=True)
class Trial:
    """One question and, when it is there, its answer.

    Attributes:
        asked: what is tried, in the words of the page that asks.
        found: the answer as JSON; None while it is worked out, and when it was refused.
        refused: why there is none, in words.
    """

    id: UUID
    site_id: UUID
    asked: Mapping[str, Any]
    days: int
    by: str
    at: datetime
    intent_id: UUID | None
    found: Mapping[str, Any] | None
    refused: str


@transaction.atomic
def ask(*, site_id: UUID, asked: Mapping[str, Any], days: int, actor: Any, now: datetime) -> Trial:
    """Ask a worker for a dry run; return the question. While one waits it is not asked twice."""
    open_one = DryRunAsked.objects.filter(
        site_id=site_id,
        asked=dict(asked),
        days=days,
        found__isnull=True,
        refused="",
        at__gt=now - ASKED,
    ).first()
    if open_one is not None:
        return _trial(open_one)
    made = DryRunAsked.objects.create(
        site_id=site_id, asked=dict(asked), days=days, by=actor, at=now
    )
    intent = work.ask(
        KIND, key=str(made.pk), site_id=site_id, now=now, payload={"trial": str(made.pk)}
    )
    made.intent_id = intent.pk
    made.save(update_fields=["intent_id"])
    return _trial(made)


def find(site_id: UUID, trial_id: UUID) -> Trial | None:
    """Return a question of the site. One query."""
    found = DryRunAsked.objects.filter(site_id=site_id, pk=trial_id).select_related("by").first()
    return None if found is None else _trial(found)


def latest(site_id: UUID, most: int = 10) -> list[Trial]:
    """Return the newest questions of a site. One query."""
    rows = DryRunAsked.objects.filter(site_id=site_id).select_related("by").order_by("-at", "-pk")
    return [_trial(one) for one in rows[:most]]


def newest_of(site_id: UUID, asked: Mapping[str, Any]) -> Trial | None:
    """Return the newest answer to a question, over whatever days; None without one. One query."""
    rows = DryRunAsked.objects.filter(site_id=site_id, asked=dict(asked), found__isnull=False)
    found = rows.select_related("by").order_by("-at", "-pk").first()
    return None if found is None else _trial(found)


def answer(trial_id: UUID, found: Mapping[str, Any]) -> None:
    """Keep what came of a question."""
    DryRunAsked.objects.filter(pk=trial_id).update(found=dict(found), refused="")


def refuse(trial_id: UUID, why: str) -> None:
    """Keep why there is no answer."""
    DryRunAsked.objects.filter(pk=trial_id).update(refused=why)


def prune(now: datetime) -> int:
    """Forget old questions; return how many."""
    return DryRunAsked.objects.filter(at__lt=now - KEPT).delete()[0]


def _trial(row: DryRunAsked) -> Trial:
    by = row.by.get_username() if row.by is not None else ""
    return Trial(
        row.pk, row.site_id, row.asked, row.days, by, row.at, row.intent_id, row.found, row.refused
    )
