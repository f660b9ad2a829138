"""Celery doors."""

from celery import shared_task
from django.db import OperationalError

from apps.decisions import forgetting, retention
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="decisions.prune_records", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune_records() -> int:
    """Forget decisions older than 30 days. Safe to run twice."""
    forgetting.prune()
    return retention.prune_records(clock.now())
