"""Celery doors."""

from celery import shared_task
from django.db import OperationalError

from apps.consent import expiring
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="consent.expire", autoretry_for=(OperationalError,), retry_backoff=True
)
def expire() -> int:
    """Write down the yeses that have ended. Safe to run twice."""
    return expiring.expire(now=clock.now())
