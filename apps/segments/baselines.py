"""How members of each segment convert, beside everyone: measured after a refresh, once a day."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import NEEDS, Verb, sql_stands
from apps.consent.vouching import sql_vouched

GOAL: Final = "Order Completed"  # and every conversion that was sent as one
DAYS: Final = 30
EVERY: Final = timedelta(hours=20)  # a little less than a day, so that it does not wander

_CONVERSION: Final = 8  # apps.events.models.Event.Kind.CONVERSION

_DUE = """
SELECT EXISTS (
  SELECT 1 FROM segments_segmentversion v JOIN segments_segment s ON s.id = v.segment_id
  LEFT JOIN segments_segmentbaseline b ON b.version_id = v.id
  WHERE s.site_id = %(site)s AND NOT s.is_hidden AND NOT s.is_archived AND v.state = 'live'
    AND v.size IS NOT NULL AND (b.version_id IS NULL OR b.measured_at < %(stale)s))
"""
# Counting people is measurement, whatever brought them into a segment.
_MAY_BE_MEASURED = sql_stands(
    "s", NEEDS[Verb.REPORT], vouched=sql_vouched("%(site)s::uuid"), now="%(now)s::timestamptz"
)
# Everyone and members alike are people who were here in these days: others could not convert.
_MEASURE = f"""
WITH here AS MATERIALIZED (
  SELECT s.profile_id FROM profiles_profilestate s
  WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND s.last_seen_at > %(since)s
    AND {_MAY_BE_MEASURED}
),
converted AS MATERIALIZED (
  SELECT DISTINCT e.profile_id FROM events_personal e JOIN here USING (profile_id)
  WHERE e.site_id = %(site)s AND e.occurred_at > %(since)s AND e.occurred_at <= %(now)s
    AND (e.name = %(goal)s OR e.kind = %(conversion)s)
),
everyone AS (
  SELECT (SELECT count(*) FROM here) AS people, (SELECT count(*) FROM converted) AS converted
)
INSERT INTO segments_segmentbaseline (version_id, goal, days, members, members_converted, everyone,
  everyone_converted, measured_at)
SELECT v.id, %(goal)s, %(days)s, count(here.profile_id), count(converted.profile_id),
  everyone.people, everyone.converted, %(now)s
FROM segments_segmentversion v
JOIN segments_segment s ON s.id = v.segment_id
CROSS JOIN everyone
LEFT JOIN segments_membership m ON m.segment_id = s.id AND m.left_at IS NULL
LEFT JOIN here ON here.profile_id = m.profile_id
LEFT JOIN converted ON converted.profile_id = m.profile_id
WHERE s.site_id = %(site)s AND NOT s.is_hidden AND NOT s.is_archived AND v.state = 'live'
  AND v.size IS NOT NULL
GROUP BY v.id, everyone.people, everyone.converted
ON CONFLICT (version_id) DO UPDATE SET goal = excluded.goal, days = excluded.days,
  members = excluded.members, members_converted = excluded.members_converted,
  everyone = excluded.everyone, everyone_converted = excluded.everyone_converted,
  measured_at = excluded.measured_at
"""


def measure(site_id: UUID, *, now: datetime) -> int:
    """Measure the live versions of a site if one has no measurement of today; return how many."""
    params: dict[str, Any] = {
        "site": str(site_id),
        "goal": GOAL,
        "conversion": _CONVERSION,
        "days": DAYS,
        "since": now - timedelta(days=DAYS),
        "stale": now - EVERY,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, params)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_MEASURE, params)
        return int(cursor.rowcount)
