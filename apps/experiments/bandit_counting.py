"""Sums of bandits by day, weighted by one over the probability of each participant's arm.

Who was shown several arms, because shares moved, counts for the first: to leave them out would
leave out those who come back, and these are not like the others.
"""

from datetime import date, datetime
from typing import Final

from django.db import connection, transaction

from apps.experiments import counting
from apps.experiments.models import BanditSum, Metric, Phase

COUNTED: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETENTION, Metric.Kind.MEAN)
SUMS: Final = ("n", "w", "ww", "wy", "wwy", "wwyy")  # as `domain/weighted.py` has them

_SUMS: Final = """
WITH raw AS (
  SELECT q.arm, 1 / q.probability AS w, coalesce(v.y, 0) AS y, coalesce((
    SELECT c.key FROM unnest(%(contexts)s::text[]) WITH ORDINALITY c (key, place)
    WHERE EXISTS (SELECT FROM jsonb_array_elements(q.segments) s WHERE s->>0 = c.key)
    ORDER BY c.place LIMIT 1), '') AS context
  FROM experiments_participant q
  LEFT JOIN LATERAL (
    SELECT sum({own}) FILTER (WHERE {is_usable} AND {is_after}) AS y
    FROM events_event e
    WHERE e.profile_id = q.profile_id AND {allowed} AND e.kind <> {exposure} AND {is_own}
      AND e.occurred_at >= q.first_at AND e.occurred_at < q.first_at + %(window)s
  ) v ON true
  WHERE q.phase_id = %(phase)s AND q.day = %(day)s AND NOT q.is_bot AND q.probability > 0
), bounded AS (SELECT arm, context, w, {y} AS y FROM raw)
SELECT arm, context, count(*), sum(w), sum(w * w), sum(w * y), sum(w * w * y), sum(w * w * y * y)
FROM bounded GROUP BY arm, context
"""


def count_day(phase: Phase, metric: Metric, day: date, *, now: datetime) -> int:
    """Count one metric of the participants of one day anew; return the rows written.

    Nothing of a phase that is no bandit, nor of ratios and quantiles, nor of a day whose events
    are not all there any more.
    """
    if not phase.bandit or metric.kind not in COUNTED:
        return 0
    if day < counting.first_whole_day(phase.experiment.site.retention_days, now):
        return 0
    parts, values = counting.asked(metric)
    contexts = "{" + ",".join(f'"{key}"' for key in contexts_in(phase)) + "}"
    values |= {"phase": str(phase.pk), "day": day, "contexts": contexts}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 9))",
            [f"{phase.pk} {metric.pk} {day}"],
        )
        cursor.execute(_SUMS.format(**parts), values)
        found = cursor.fetchall()
        BanditSum.objects.filter(phase=phase, metric=metric, day=day).delete()
        BanditSum.objects.bulk_create(
            BanditSum(
                phase=phase, metric=metric, day=day, counted_at=now, arm=arm, context=context,
                **dict(zip(SUMS, sums, strict=True)),
            )
            for arm, context, *sums in found
        )  # fmt: skip
    return len(found)


def contexts_in(phase: Phase) -> list[str]:
    """Return the segments that have shares of their own, in order; none of a plain bandit."""
    return list(phase.segments) if phase.bandit.get("is_contextual") else []
