"""For whom something was decided, by publication, as holdouts need it: read from the log."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import sql_stands
from apps.consent.types import Purpose
from apps.consent.vouching import sql_vouched
from apps.experiments.asked import Asked
from engine.decide import Reason

# Reasons that come before a holdout is asked, or say nothing of it.
_BEFORE: Final = [
    str(one.value) for one in (Reason.NO_CONSENT, Reason.DISABLED, Reason.ERROR, Reason.PREVIEW)
]
_ASKED: Final = """
WITH told AS (
  SELECT r.profile_id, r.snapshot, min(r.at) AS first_at,
    coalesce(jsonb_agg(DISTINCT a->>'placement') FILTER (WHERE a->>'reason' = 'HOLDOUT'), '[]')
      AS held,
    coalesce(jsonb_agg(DISTINCT a->>'placement') FILTER (WHERE a->>'reason' <> 'HOLDOUT'), '[]')
      AS decided
  FROM decisions_decisionrecord r CROSS JOIN LATERAL jsonb_array_elements(r.placements) a
  WHERE r.site_id = %(site)s AND r.at >= %(since)s AND r.at < %(until)s
    AND r.profile_id IS NOT NULL AND a->>'block' IS NOT NULL
    AND NOT a->>'reason' = ANY(%(before)s)
  GROUP BY r.profile_id, r.snapshot
)
SELECT t.profile_id, s.unit_id, t.snapshot, t.first_at, t.held, t.decided,
  coalesce(m.inside, '[]')
FROM told t
JOIN profiles_profilestate s ON s.profile_id = t.profile_id AND s.merged_into IS NULL AND {willing}
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(g.key, v.number) ORDER BY g.key) AS inside
  FROM segments_membership i JOIN segments_segment g ON g.id = i.segment_id
  JOIN segments_segmentversion v ON v.id = i.version_id
  WHERE i.profile_id = t.profile_id AND NOT g.is_hidden AND NOT g.is_archived
    AND i.since <= t.first_at AND (i.left_at IS NULL OR i.left_at > t.first_at)
) m ON true
ORDER BY t.first_at, t.profile_id
"""


def asked(site_id: UUID, since: datetime, until: datetime) -> Sequence[Asked]:
    """Return profiles for whom something was decided after holdouts were asked. One statement."""
    willing = sql_stands(
        "s",
        Purpose.EXPERIMENTS,
        vouched=sql_vouched("%(site)s::uuid"),
        now="%(until)s::timestamptz",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _ASKED.format(willing=willing),
            {"site": str(site_id), "since": since, "until": until, "before": _BEFORE},
        )
        return [Asked(*row[:4], *(_read(one) for one in row[4:])) for row in cursor.fetchall()]


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
