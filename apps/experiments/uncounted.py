"""Exposures that name an experiment and that nobody takes part by: counted, so that it is known."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS
from apps.experiments.models import Uncounted
from apps.experiments.viewed import (
    ARM_FIRST,
    IS_ARM,
    IS_MEANT,
    MEANT_FIRST,
    SAID,
    VIEWED,
    WAS_STOPPED,
)

KEPT: Final = timedelta(days=400)
MOST: Final = 200  # names of one pass: what does not exist has any number of them
# The same exposures as `collecting` takes up. By an arm that was stopped nobody takes part. Where
# we dealt, nothing is wrong with that: the control was shown. Who else says so has shown it.
_NOTE: Final = f"""
WITH seen AS (
  SELECT e.profile_id, e.kind = {int(KINDS["exposure"])} AS is_ours,
    e.occurred_at, {SAID},
    {event_allows("e", Purpose.EXPERIMENTS)} AS is_allowed
  FROM events_event e
  WHERE e.site_id = %(site)s AND e.id > %(after)s AND e.id <= %(upto)s
    AND (e.kind = {int(KINDS["exposure"])} AND e.properties ? 'experiment' OR e.name = %(viewed)s)
), judged AS (
  SELECT left(coalesce(s.experiment, ''), 100) AS experiment,
    CASE WHEN x.id IS NULL THEN '' ELSE left(coalesce(s.shown, ''), 100) END AS arm,
    CASE WHEN x.id IS NULL THEN 'experiment' WHEN NOT s.is_allowed THEN 'consent'
      ELSE 'arm' END AS why
  FROM seen s
  LEFT JOIN LATERAL (
    SELECT x.id FROM experiments_experiment x WHERE x.site_id = %(site)s AND {IS_MEANT}
    ORDER BY {MEANT_FIRST} LIMIT 1
  ) x ON true
  WHERE x.id IS NULL OR NOT s.is_allowed OR NOT EXISTS (
    SELECT 1 FROM experiments_phase h
    CROSS JOIN LATERAL jsonb_array_elements(h.arms) WITH ORDINALITY one(a, place)
    WHERE h.experiment_id = x.id AND {IS_ARM})
  OR NOT s.is_ours AND (
    SELECT {WAS_STOPPED} FROM (
      SELECT h.number, h.arms FROM experiments_phase h
      WHERE h.experiment_id = x.id AND h.started_at <= s.occurred_at
        AND (h.ended_at IS NULL OR s.occurred_at < h.ended_at) ORDER BY h.number DESC LIMIT 1
    ) h CROSS JOIN LATERAL (
      SELECT one.a FROM jsonb_array_elements(h.arms) WITH ORDINALITY one(a, place)
      WHERE {IS_ARM} ORDER BY {ARM_FIRST} LIMIT 1
    ) d)
)
INSERT INTO experiments_uncounted (site_id, experiment, arm, why, day, n)
SELECT %(site)s, experiment, CASE why WHEN 'arm' THEN arm ELSE '' END, why, %(day)s, count(*)
FROM judged GROUP BY 2, 3, 4 ORDER BY 6 DESC LIMIT {MOST}
ON CONFLICT (site_id, experiment, arm, why, day)
  DO UPDATE SET n = experiments_uncounted.n + EXCLUDED.n
"""


def note(site_id: UUID, *, after: int, upto: int, now: datetime) -> None:
    """Add those among a site's events of these ids, each pass once: it counts up."""
    Uncounted.objects.filter(site_id=site_id, day__lt=(now - KEPT).date()).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "site": str(site_id),
                "after": after,
                "upto": upto,
                "viewed": VIEWED,
                "day": now.date(),
            },
        )
