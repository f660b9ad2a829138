"""One pass over a site: participants, then the sums of the days that something was said of."""

import logging
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.experiments import collecting, counting
from apps.experiments.models import Cursor, Metric, Phase, Reopened
from apps.work.types import Progress
from apps.work.writers import wait_for_older

logger = logging.getLogger(__name__)

KEPT_OPEN: Final = timedelta(days=30)  # late events count so long after a phase has ended
_NEWEST: Final = "SELECT last_value FROM events_event_id_seq"


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def refresh(*, site_id: UUID, now: datetime, progress: Progress = silent) -> int:
    """Bring participants and sums up to date; return how many (phase, metric, day) were counted.

    Not to be called inside a transaction: it waits until events with earlier ids are all there.
    """
    cursor, _ = Cursor.objects.get_or_create(site_id=site_id)
    upto = _newest_id()
    with transaction.atomic(), connection.cursor() as own:
        own.execute("SELECT pg_current_xact_id()::text::bigint")
        transaction_id = int(own.fetchone()[0])
    if not wait_for_older(transaction_id):
        logger.warning("experiments.writers_are_slow", extra={"site": site_id})
        return 0
    collecting.collect(site_id, after=cursor.event_id, upto=upto)
    reopened = list(Reopened.objects.filter(phase__experiment__site_id=site_id))
    touched = {(one.phase_id, one.day) for one in reopened}
    touched.update(
        collecting.days_touched(site_id, after=cursor.event_id, upto=upto, since=now - KEPT_OPEN)
    )
    todo = [
        (phase, metric, day)
        for phase, days in _by_phase(touched).items()
        for metric in counting.metrics_of(phase)
        for day in days
    ]
    for done, (phase, metric, day) in enumerate(todo):
        progress(done, len(todo), str(phase.experiment_id))
        counting.count_day(phase, metric, day, now=now)
    Reopened.objects.filter(pk__in=[one.pk for one in reopened]).delete()
    Cursor.objects.filter(site_id=site_id, event_id__lt=upto).update(event_id=upto)
    return len(todo)


def count_anew(phase: Phase, metrics: list[Metric] | None = None, *, now: datetime) -> int:
    """Count every day of a phase anew; return how many (metric, day)."""
    days = list(phase.participants.values_list("day", flat=True).distinct())
    chosen = counting.metrics_of(phase) if metrics is None else metrics
    for metric in chosen:
        for day in days:
            counting.count_day(phase, metric, day, now=now)
    return len(chosen) * len(days)


def _by_phase(touched: Collection[tuple[UUID, date]]) -> dict[Phase, list[date]]:
    phases = Phase.objects.in_bulk({phase_id for phase_id, _ in touched})
    found: dict[Phase, list[date]] = {}
    for phase_id, day in sorted(touched):
        found.setdefault(phases[phase_id], []).append(day)
    return found


def _newest_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return int(cursor.fetchone()[0])
