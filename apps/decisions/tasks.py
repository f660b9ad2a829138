"""Celery doors."""

from celery import shared_task
from django.db import OperationalError

from apps.decisions import forgetting, retention, served_days, trials
from apps.work import clock


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
