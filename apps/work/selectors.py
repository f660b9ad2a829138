"""Reads of work that was asked for."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.work.models import Intent
from apps.work.types import Standing


def standing_of(intent_id: UUID) -> Standing | None:
    """Return how far an intent is; None when it is done so long ago that it is cleared. 1 query."""
    row = Intent.objects.filter(pk=intent_id).values_list(
        "kind", "state", "done_steps", "total_steps", "note", "error"
    )
    return next((Standing(*values) for values in row), None)


def open_work(site_id: UUID, kinds: Collection[str]) -> Standing | None:
    """Return how far work of these kinds is that is not done yet: first what runs. One query."""
    open_states = (Intent.State.RUNNING, Intent.State.WAITING)
    rows = Intent.objects.filter(site_id=site_id, kind__in=kinds, state__in=open_states)
    row = rows.order_by("state", "-created_at").values_list(
        "kind", "state", "done_steps", "total_steps", "note", "error"
    )
    return next((Standing(*values) for values in row[:1]), None)


def open_of(kind: str, key: str) -> Standing | None:
    """Return how far the open work of a kind and key is that belongs to no site. One query."""
    open_states = (Intent.State.WAITING, Intent.State.RUNNING)
    rows = Intent.objects.filter(kind=kind, key=key, state__in=open_states).order_by("-created_at")
    row = rows.values_list("kind", "state", "done_steps", "total_steps", "note", "error")
    return next((Standing(*values) for values in row[:1]), None)


def leased(intent_ids: Collection[UUID], now: datetime) -> frozenset[UUID]:
    """Return those of the intents that a living process has in hand. One query."""
    held = Intent.objects.filter(
        pk__in=intent_ids, state=Intent.State.RUNNING, leased_until__gte=now
    )
    return frozenset(held.values_list("pk", flat=True))
