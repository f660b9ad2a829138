"""Doors of the worker to the outbox."""

from datetime import datetime
from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from apps.privacy import mailing
from apps.work import clock
from apps.work import services as work

MOST_ATTEMPTS = 5  # what an intent is given


@work.performs(mailing.SEND)
def send_message(task: work.Work, now: datetime) -> None:
    """Carry out the intent to send a message."""
    is_last = task.attempt >= MOST_ATTEMPTS
    mailing.send(UUID(str(task.payload["message"])), now=now, is_last=is_last)


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="privacy.close_messages", autoretry_for=(OperationalError,), retry_backoff=True
)
def close_messages() -> int:
    """Empty what was not sent in time. Safe to run twice."""
    return mailing.close_old(clock.now())
