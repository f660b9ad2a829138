"""Celery doors."""

from celery import shared_task
from django.db import OperationalError

from apps.content import revisions_unsaved
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="content.prune_unsaved", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune_unsaved() -> int:
    """Throw away what was typed and left for 30 days. Safe to run twice."""
    return revisions_unsaved.prune(clock.now())
