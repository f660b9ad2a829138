"""One pass over a site: participants, then the sums of the days that something was said of."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Min

from apps.experiments import bandit_counting, collecting, counting, uncounted
from apps.experiments.designing import KEPT_OPEN
from apps.experiments.models import Cursor, Goal, Metric, Phase, Reopened
from apps.work.types import Progress
from apps.work.writers import wait_for_older

logger = logging.getLogger(__name__)

_NEWEST: Final = "SELECT last_value FROM events_event_id_seq"


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def refresh(*, site_id: UUID, now: datetime, progress: Progress = silent) -> int:
    """Bring participants and sums up to date; return how many (phase, metric, day) were counted.

    Not to be called inside a transaction: it waits until events with earlier ids are all there.
    """
    return sum(refresh_phases(site_id=site_id, now=now, progress=progress).values())


def refresh_phases(
    *, site_id: UUID, now: datetime, progress: Progress = silent
) -> Mapping[UUID, int]:
    """Do it, and return how many (metric, day) were counted of each phase.

    What is new is found by the ids of events, so it costs what has come in. A pass that ends in the
    middle is done again as a whole: every part of it replaces what was there.
    """
    cursor, _ = Cursor.objects.get_or_create(site_id=site_id)
    upto = _newest_id()
    with transaction.atomic(), connection.cursor() as own:
        own.execute("SELECT pg_current_xact_id()::text::bigint")
        transaction_id = int(own.fetchone()[0])
    if not wait_for_older(transaction_id):
        logger.warning("experiments.writers_are_slow", extra={"site": site_id})
        return {}
    after = cursor.event_id
    collecting.collect(site_id, after=after, upto=upto)
    collecting.mark_bots(site_id, after=after, upto=upto)
    reopened = list(Reopened.objects.filter(phase__experiment__site_id=site_id))
    touched = {(one.phase_id, one.day) for one in reopened}
    touched.update(collecting.days_touched(site_id, after=after, upto=upto, since=now - KEPT_OPEN))
    todo = {
        (phase, metric, day)
        for phase, days in _by_phase(touched).items()
        for metric in counting.metrics_of(phase)
        for day in days
    }
    todo.update(_of_new_goals(site_id))
    found: Counter[UUID] = Counter()
    for phase, metric, day in sorted(todo, key=lambda one: (one[0].pk, one[1].key, one[2])):
        progress(found.total(), len(todo), str(phase.experiment_id))
        counting.count_day(phase, metric, day, now=now)
        bandit_counting.count_day(phase, metric, day, now=now)
        found[phase.pk] += 1
    Reopened.objects.filter(pk__in=[one.pk for one in reopened]).delete()
    with transaction.atomic():
        # Who moves the cursor adds to the counters: of two that work at once, one.
        if Cursor.objects.filter(site_id=site_id, event_id=after).update(event_id=upto):
            uncounted.note(site_id, after=after, upto=upto, now=now)
    return found


def _of_new_goals(site_id: UUID) -> Iterator[tuple[Phase, Metric, date]]:
    """What of goals that were added to running experiments has not been counted since then."""
    goals = Goal.objects.filter(
        experiment__site_id=site_id,
        experiment__phases__ended_at=None,
        experiment__phases__isnull=False,
        added_at__gt=F("experiment__phases__started_at"),
    ).select_related("metric")
    for goal in goals.order_by("pk"):
        phase = Phase.objects.get(experiment_id=goal.experiment_id, ended_at=None)
        first = phase.sums.filter(metric=goal.metric).aggregate(Min("counted_at"))
        if first["counted_at__min"] is None or first["counted_at__min"] < goal.added_at:
            for day in phase.participants.order_by("day").values_list("day", flat=True).distinct():
                yield phase, goal.metric, day


def count_anew(phase: Phase, metrics: list[Metric] | None = None, *, now: datetime) -> int:
    """Count every day of a phase anew; return how many (metric, day)."""
    days = list(phase.participants.values_list("day", flat=True).distinct())
    chosen = counting.metrics_of(phase) if metrics is None else metrics
    for metric in chosen:
        for day in days:
            counting.count_day(phase, metric, day, now=now)
            bandit_counting.count_day(phase, metric, day, now=now)
    return len(chosen) * len(days)


def _by_phase(touched: Collection[tuple[UUID, date]]) -> dict[Phase, list[date]]:
    rows = Phase.objects.select_related("experiment__site")  # its site keeps events so long
    phases = rows.in_bulk({phase_id for phase_id, _ in touched})
    found: dict[Phase, list[date]] = {}
    for phase_id, day in sorted(touched):
        found.setdefault(phases[phase_id], []).append(day)
    return found


def _newest_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return int(cursor.fetchone()[0])
