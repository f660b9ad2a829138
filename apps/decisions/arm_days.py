"""What was served and shown of each arm of an experiment by day, counted with `served_days`."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import NEEDS, Verb, event_allows
from apps.decisions.served_models import ArmDay
from apps.experiments.served import Asked, Served

# An answer that failed says of which arm it would have been.
COUNT: Final = f"""
INSERT INTO decisions_armday (site_id, day, experiment, arm, calls, failed, shown)
SELECT %(site)s, %(day)s, experiment, arm, sum(calls), sum(failed), sum(shown) FROM (
  SELECT answer->>'experiment' AS experiment, answer->>'arm' AS arm, count(*) AS calls,
    count(*) FILTER (WHERE answer->>'reason' = 'ERROR') AS failed, 0 AS shown
  FROM decisions_decisionrecord r, jsonb_array_elements(r.placements) AS answer
  WHERE r.site_id = %(site)s AND r.at >= %(begin)s AND r.at < %(end)s
    AND answer->>'experiment' IS NOT NULL AND answer->>'arm' IS NOT NULL
  GROUP BY 1, 2
  UNION ALL
  SELECT properties->>'experiment', properties->>'arm', 0, 0,
    count(DISTINCT properties->>'decision')
  FROM events_event e
  WHERE {event_allows("e", NEEDS[Verb.REPORT])}
    AND site_id = %(site)s AND occurred_at >= %(begin)s AND occurred_at < %(end)s
    AND kind = 7 AND properties ? 'experiment' AND properties ? 'arm' AND properties ? 'decision'
    AND length(properties->>'experiment') <= 100 AND length(properties->>'arm') <= 100
  GROUP BY 1, 2
) parts GROUP BY experiment, arm
"""


def count(cursor: Any, bound: dict[str, Any]) -> None:
    """Count a day's arms anew, in the transaction that counts the day."""
    ArmDay.objects.filter(site_id=bound["site"], day=bound["day"]).delete()
    cursor.execute(COUNT, bound)


_SERVED: Final = """
SELECT asked.place, d.arm, sum(d.calls)::bigint, sum(d.failed)::bigint, sum(d.shown)::bigint
FROM unnest(%(experiments)s::text[], %(first)s::date[], %(last)s::date[])
  WITH ORDINALITY AS asked(experiment, first, last, place)
JOIN decisions_armday d ON d.site_id = %(site)s AND d.experiment = asked.experiment
  AND d.day BETWEEN asked.first AND asked.last
GROUP BY asked.place, d.arm ORDER BY asked.place, d.arm
"""


def of_experiments(site_id: UUID, asked: Sequence[Asked]) -> list[list[Served]]:
    """Return what was served of experiments of a site, in the order asked, by arm. One query.

    Args:
        asked: (experiment, first day, last day); an experiment may be asked for more than once.
    """
    found: list[list[Served]] = [[] for _ in asked]
    experiments, first, last = ([one[place] for one in asked] for place in range(3))
    with connection.cursor() as cursor:
        cursor.execute(
            _SERVED,
            {"site": site_id, "experiments": experiments, "first": first, "last": last},
        )
        for place, *one in cursor:
            found[place - 1].append(Served(*one))
    return found
