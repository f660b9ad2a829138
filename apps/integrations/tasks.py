"""Doors of the worker to integrations."""

from datetime import datetime
from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from apps.integrations import importing
from apps.integrations.receiving import IMPORT
from apps.work import clock
from apps.work import services as work


@work.performs(IMPORT)
def import_call(task: work.Work, now: datetime) -> None:
    """Carry out the intent to import a call. Twice: the second finds it done."""
    importing.run(UUID(str(task.payload["incoming"])), now)


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="integrations.prune", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune() -> int:
    """Forget calls that came to an end more than 30 days ago. Safe to run twice."""
    return importing.prune(clock.now())
