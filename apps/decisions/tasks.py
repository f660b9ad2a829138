"""Celery and intent doors."""

from datetime import datetime

from celery import shared_task
from django.db import OperationalError

from apps.decisions import (
    experiment_parts,
    forgetting,
    holdout_parts,
    retention,
    served_days,
    trials,
)
from apps.experiments.types import PUBLISH, PUBLISH_HOLDOUT
from apps.work import clock
from apps.work import services as work


@work.performs(PUBLISH)
def publish_experiment(task: work.Work, now: datetime) -> None:
    """Carry out the intent to serve an experiment's shares and stopped arms as they are now."""
    assert task.site_id is not None
    experiment_parts.publish_experiment(
        site_id=task.site_id,
        key=str(task.payload["experiment"]),
        note=str(task.payload["note"]),
        now=now,
    )


@work.performs(PUBLISH_HOLDOUT)
def publish_turn(task: work.Work, now: datetime) -> None:
    """Carry out the intent to serve a holdout's next turn."""
    assert task.site_id is not None
    holdout_parts.publish_turn(
        site_id=task.site_id,
        key=str(task.payload["holdout"]),
        seed=str(task.payload["seed"]),
        now=now,
    )


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="decisions.prune_records", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune_records() -> int:
    """Forget decisions older than 30 days. Safe to run twice."""
    forgetting.prune()
    return retention.prune_records(clock.now())


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="decisions.count_days", autoretry_for=(OperationalError,), retry_backoff=True
)
def count_days() -> int:
    """Count what was served by day, and forget old days and dry runs. Safe to run twice."""
    now = clock.now()
    served_days.prune(now)
    trials.prune(now)
    return served_days.count_days(now)
