"""Doors of the worker to rules."""

from datetime import datetime

from celery import shared_task
from django.db import OperationalError

from apps.rules import retention, tables, webhooks
from apps.rules.firing import DELIVER
from apps.work import clock
from apps.work import services as work


@work.performs(DELIVER)
def deliver(task: work.Work, now: datetime) -> None:
    """Carry out the intent to call a trigger's address. Twice: under one id, so it counts once."""
    webhooks.deliver(task, now)


@work.performs(tables.SAVE)
def save_table(task: work.Work, now: datetime) -> None:
    """Carry out the intent to save a table of rules. Twice: the second finds other rules."""
    tables.perform(task, now)


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="rules.prune_firings", autoretry_for=(OperationalError,), retry_backoff=True
)
def prune_firings() -> int:
    """Forget firings older than 90 days. Safe to run twice."""
    return retention.prune_firings(clock.now())
