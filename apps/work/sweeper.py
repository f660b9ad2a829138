"""Finds work that the broker or a dead process lost, and clears away what is long done."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from apps.work.models import Intent
from apps.work.performing import MAX_ATTEMPTS
from apps.work.queueing import hurry

logger = logging.getLogger(__name__)

BATCH: Final = 200
KEEP_DONE: Final = timedelta(days=7)
KEEP_FAILED: Final = timedelta(days=90)


def sweep(*, now: datetime) -> int:
    """Hurry what is due, free what a dead process holds; return how many intents were due."""
    _free_abandoned(now)
    due = Intent.objects.filter(state=Intent.State.WAITING, run_after__lte=now)
    hurried = 0
    for intent_id, queue in due.order_by("run_after").values_list("pk", "queue")[:BATCH]:
        hurry(intent_id, queue)
        hurried += 1
    _clear(Intent.State.DONE, now - KEEP_DONE)
    _clear(Intent.State.FAILED, now - KEEP_FAILED)
    return hurried


def _free_abandoned(now: datetime) -> None:
    """Give intents whose lease has run out back to the queue, or end them after too many deaths."""
    abandoned = Intent.objects.filter(state=Intent.State.RUNNING, leased_until__lt=now)
    for intent in abandoned.order_by("leased_until")[:BATCH]:
        mine = abandoned.filter(pk=intent.pk, leased_by=intent.leased_by)
        freed = {"leased_by": "", "leased_until": None}
        if intent.attempts >= MAX_ATTEMPTS:
            mine.update(
                state=Intent.State.FAILED, finished_at=now, error="Its process died.", **freed
            )
            continue
        try:
            with transaction.atomic():
                mine.update(state=Intent.State.WAITING, run_after=now, **freed)
        except IntegrityError:  # the same waits already, asked for later: that one will do it
            mine.update(state=Intent.State.FAILED, finished_at=now, error="Superseded.", **freed)
        logger.warning("work.abandoned", extra={"intent": intent.pk, "kind": intent.kind})


def _clear(state: str, before: datetime) -> None:
    old = Intent.objects.filter(state=state, finished_at__lt=before).values("pk")[:BATCH]
    Intent.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
