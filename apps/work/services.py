"""Asking for work, and recording what has changed: both in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from apps.work.models import ChangeFeed, Intent
from apps.work.performing import performs
from apps.work.queueing import hurry
from apps.work.types import Work

__all__ = ["Work", "ask", "ask_again", "forget_in_feed", "performs", "record_change", "waiting_for"]


def ask(
    kind: str,
    *,
    key: str,
    now: datetime,
    site_id: UUID | None = None,
    payload: Mapping[str, Any] | None = None,
    queue: str = "slow",
    run_after: datetime | None = None,
) -> Intent:
    """Write that work of this kind must happen; Celery is told after the commit.

    While one of the same site, kind and key waits, that one is returned: its work will see this
    caller's changes too, because it cannot begin before the caller has committed.

    Args:
        queue: "fast", "slow" or "train".
        run_after: not before this moment; the sweeper picks it up then. Without it: at once.
    """
    due = run_after or now
    while True:
        intent, is_new = Intent.objects.get_or_create(
            kind=kind,
            # The site is part of the unique key: two sites may use one key.
            key=f"{site_id.hex}:{key}" if site_id is not None else key,
            state=Intent.State.WAITING,
            defaults={
                "site_id": site_id,
                "payload": dict(payload or {}),
                "queue": queue,
                "run_after": due,
                "created_at": now,
            },
        )
        if is_new or _waits_for_us(intent):
            break
    if not is_new and due < intent.run_after:
        intent.run_after = due
        intent.save(update_fields=["run_after"])
    if due <= now:
        transaction.on_commit(partial(hurry, intent.pk, intent.queue))
    return intent


def waiting_for(kind: str, *, site_id: UUID, key_prefix: str) -> list[Mapping[str, Any]]:
    """Return the payloads of what waits of a kind, by the beginning of its key. One query."""
    rows = Intent.objects.filter(
        kind=kind, state=Intent.State.WAITING, key__startswith=f"{site_id.hex}:{key_prefix}"
    )
    return list(rows.order_by("created_at").values_list("payload", flat=True))


def _waits_for_us(intent: Intent) -> bool:
    """Hold an intent back until the caller commits; False when it has begun without its changes."""
    if not connection.in_atomic_block:
        return True  # whatever the caller changed is committed
    waiting = Intent.objects.filter(pk=intent.pk, state=Intent.State.WAITING)
    return waiting.select_for_update(no_key=True).first() is not None


def ask_again(*, intent_ids: Sequence[UUID], now: datetime) -> int:
    """Give failed intents another life with no attempts counted; return how many.

    One whose like waits already is left as it is.
    """
    count = 0
    for intent_id in intent_ids:
        failed = Intent.objects.filter(pk=intent_id, state=Intent.State.FAILED)
        try:
            with transaction.atomic():
                revived = failed.update(
                    state=Intent.State.WAITING, attempts=0, run_after=now, finished_at=None
                )
        except IntegrityError:
            continue
        count += revived
        if revived:
            queue = Intent.objects.values_list("queue", flat=True).get(pk=intent_id)
            transaction.on_commit(partial(hurry, intent_id, queue))
    return count


def record_change(
    kind: str,
    *,
    site_id: UUID,
    now: datetime,
    profile_id: UUID | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Append to the change feed. Who has many at once writes them in one statement of its own."""
    ChangeFeed.objects.create(
        site_id=site_id, at=now, kind=kind, profile_id=profile_id, payload=dict(payload or {})
    )


def forget_in_feed(profile_id: UUID) -> int:
    """Take a profile out of the change feed; how many rows. The numbers of the feed stay whole."""
    return ChangeFeed.objects.filter(profile_id=profile_id).update(profile_id=None, payload={})
