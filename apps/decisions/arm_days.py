"""What was served and shown of each arm of an experiment by day, counted with `served_days`."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import Sum

from apps.consent.gates import NEEDS, Verb, event_allows
from apps.decisions.served_models import ArmDay
from apps.experiments.served import Served

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


def of_experiment(site_id: UUID, experiment: str, first: date, last: date) -> Sequence[Served]:
    """Return what was served of an experiment from `first` to `last`, by arm. One query."""
    rows = ArmDay.objects.filter(
        site_id=site_id, experiment=experiment, day__gte=first, day__lte=last
    )
    totals = rows.order_by("arm").values_list("arm").annotate(
        Sum("calls"), Sum("failed"), Sum("shown")
    )  # fmt: skip
    return [Served(arm, calls, failed, shown) for arm, calls, failed, shown in totals]
