"""Celery doors."""

from datetime import timedelta

from celery import shared_task
from django.db import OperationalError

from apps.events import services
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="events.prune", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune() -> dict[str, int]:
    """Forget message ids and quarantined events older than 30 days. Safe to run twice."""
    return services.prune(clock.now())


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="events.make_partitions", autoretry_for=(OperationalError,), retry_backoff=True
)
def make_partitions() -> None:
    """Make the partitions of this month and of the next before the first event of it comes."""
    now = clock.now()
    later = now.replace(day=1) + timedelta(days=32)
    services.ensure_partitions([(now.year, now.month), (later.year, later.month)])
