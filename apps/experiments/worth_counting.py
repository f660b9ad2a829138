"""Sums of the members of holdouts by day, counted anew as a whole, as those of experiments are."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from apps.experiments import counting
from apps.experiments.designing import KEPT_OPEN
from apps.experiments.domain.sums import NAMES
from apps.experiments.models import HoldoutMember, HoldoutSum, HoldoutTurn, Metric, Phase
from apps.work.types import Progress

MOST_METRICS: Final = 20
MOST_SEGMENTS: Final = 30
AGAIN: Final = timedelta(hours=20)  # between two looks at the choices of a phase
LATE: Final = timedelta(days=2)  # late events count so long after a member's time is over

_WHO: Final = """
SELECT m.arm, m.segments, m.profile_id, m.first_at FROM experiments_holdoutmember m
WHERE m.turn_id = %(turn)s AND m.day = %(day)s AND NOT m.is_mixed AND NOT EXISTS (
  SELECT FROM experiments_participant b WHERE b.profile_id = m.profile_id AND b.is_bot)
"""


def metrics_of(site_id: UUID) -> list[Metric]:
    """Return what holdouts are judged by: the site's metrics, but for quantiles. One query."""
    rows = Metric.objects.filter(site_id=site_id, archived_at=None)
    return list(rows.exclude(kind=Metric.Kind.QUANTILE).order_by("key")[:MOST_METRICS])


def count(site_id: UUID, *, now: datetime, progress: Progress) -> int:
    """Count the days that may have changed anew; return how many (turn, metric, day).

    Those whose members may still do something that counts, and those not counted yet; none whose
    events retention has begun to take away.
    """
    metrics = metrics_of(site_id)
    todo = []
    turns = HoldoutTurn.objects.filter(holdout__site_id=site_id, share__gt=0)
    for turn in turns.select_related("holdout__site").order_by("pk"):
        whole = counting.first_whole_day(turn.holdout.site.retention_days, now)
        members = HoldoutMember.objects.filter(turn=turn, day__gte=whole)
        days = set(members.values_list("day", flat=True).distinct())
        done = set(turn.sums.values_list("metric_id", "day").distinct())
        for metric in metrics:
            border = (now - timedelta(hours=metric.window_hours) - LATE).date()
            todo += [
                (turn, metric, day)
                for day in sorted(days)
                if day >= border or (metric.pk, day) not in done
            ]
    for place, (turn, metric, day) in enumerate(todo):
        progress(place, len(todo), str(turn.holdout_id))
        count_day(turn, metric, day, now=now)
    return len(todo)


def count_day(turn: HoldoutTurn, metric: Metric, day: date, *, now: datetime) -> None:
    """Count one metric of the members of one day anew."""
    parts, values = counting.asked(metric)
    values |= {"turn": turn.pk, "day": day}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 10))",
            [f"{turn.pk} {metric.pk} {day}"],
        )
        cursor.execute(counting.sums_of_people(_WHO, parts), values)
        found = cursor.fetchall()
        HoldoutSum.objects.filter(turn=turn, metric=metric, day=day).delete()
        HoldoutSum.objects.bulk_create(
            HoldoutSum(
                turn=turn, metric=metric, day=day, arm=arm, segment=segment, left_out=left_out,
                counted_at=now, **dict(zip(NAMES, numbers, strict=True)),
            )
            for arm, segment, *numbers, left_out in found
        )  # fmt: skip


def phases_due(site_id: UUID, *, now: datetime) -> list[Phase]:
    """Return the newest phases of experiments whose choices have not been judged today.

    Only where something can have changed: of those that run, or ended within the last month.
    """
    rows = Phase.objects.filter(experiment__site_id=site_id, experiment__phase=F("number"))
    open_now = Q(ended_at=None) | Q(ended_at__gt=now - KEPT_OPEN)
    return list(
        rows.filter(open_now)
        .filter(Q(choice_worth=None) | Q(choice_worth__worked_out_at__lt=now - AGAIN))
        .select_related("experiment")
        .order_by("pk")
    )
