"""Who takes part: the first exposure of a profile in a phase counts, whatever comes in after it.

New events are found by their ids, so a pass costs what has come in since the last one. A row says
the same however often its exposures are looked at.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS

VIEWED: Final = "Experiment Viewed"  # by that name other tools tell of their own splits
_EXPOSURE: Final = int(KINDS["exposure"])

# Ours says the publication, which says the phase; an arm that was stopped showed the control. One
# of another tool says what it calls the experiment and the arm, and counts by its time.
_COLLECT: Final = """
WITH seen AS (
  SELECT e.profile_id, e.occurred_at, e.id, e.kind = {exposure} AS is_ours, e.properties AS p,
    coalesce(e.properties->>'experiment', e.properties->>'experiment_id',
      e.properties->>'experimentId') AS experiment,
    coalesce(e.properties->>'arm', e.properties->>'variation_id', e.properties->>'variationId',
      e.properties->>'variation') AS shown
  FROM events_event e
  WHERE e.site_id = %(site)s AND {chosen} AND {allowed}
    AND (e.kind = {exposure} AND e.properties ? 'experiment' OR e.name = %(viewed)s)
), dealt AS (
  SELECT h.id AS phase_id, (a->>'number')::smallint AS arm, s.profile_id, s.occurred_at, s.id,
    s.p
  FROM seen s
  JOIN experiments_experiment x ON x.site_id = %(site)s AND x.key = s.experiment
  CROSS JOIN LATERAL (
    SELECT h.id, h.arms FROM experiments_phase h
    LEFT JOIN experiments_serving v ON v.phase_id = h.id
    WHERE h.experiment_id = x.id AND CASE WHEN s.is_ours
      THEN v.publication <= (s.p->>'snapshot')::int ELSE h.started_at <= s.occurred_at END
    ORDER BY CASE WHEN s.is_ours THEN v.publication ELSE h.number END DESC LIMIT 1
  ) h
  CROSS JOIN LATERAL jsonb_array_elements(h.arms) a
  WHERE a->>'key' = s.shown AND (NOT s.is_ours OR a->>'variant_key' = s.p->>'variant')
    AND (s.is_ours OR s.occurred_at < coalesce(
      (SELECT w.ended_at FROM experiments_phase w WHERE w.id = h.id), 'infinity'))
), first AS (
  SELECT DISTINCT ON (phase_id, profile_id) *,
    min(arm) OVER own <> max(arm) OVER own AS is_mixed
  FROM dealt WINDOW own AS (PARTITION BY phase_id, profile_id)
  ORDER BY phase_id, profile_id, occurred_at, id
)
INSERT INTO experiments_participant AS one
  (phase_id, profile_id, arm, first_at, day, is_mixed, is_bot, segments, facts)
SELECT f.phase_id, f.profile_id, f.arm, f.occurred_at, (f.occurred_at AT TIME ZONE 'UTC')::date,
  f.is_mixed, false, coalesce(m.inside, '[]'), jsonb_strip_nulls(jsonb_build_object(
    'browser', f.p->'browser', 'country', f.p->'country', 'device', f.p->'device'))
FROM first f
JOIN experiments_phase h ON h.id = f.phase_id
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(g.key, v.number) ORDER BY g.key) AS inside
  FROM segments_membership s JOIN segments_segment g ON g.id = s.segment_id
  JOIN segments_segmentversion v ON v.id = s.version_id
  WHERE s.profile_id = f.profile_id AND h.segments ? g.key
    AND s.since <= f.occurred_at AND (s.left_at IS NULL OR s.left_at > f.occurred_at)
) m ON true
ORDER BY f.phase_id, f.profile_id
ON CONFLICT (phase_id, profile_id) DO UPDATE SET
  is_mixed = one.is_mixed OR EXCLUDED.is_mixed OR one.arm <> EXCLUDED.arm,
  arm = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.arm ELSE one.arm END,
  segments = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.segments
    ELSE one.segments END,
  first_at = least(one.first_at, EXCLUDED.first_at),
  day = least(one.day, EXCLUDED.day)
WHERE EXCLUDED.first_at < one.first_at
  OR NOT one.is_mixed AND (EXCLUDED.is_mixed OR one.arm <> EXCLUDED.arm)
"""
_BY_ID: Final = "e.id > %(after)s AND e.id <= %(upto)s"
_BY_PROFILE: Final = "e.profile_id = ANY(%(profiles)s::uuid[])"


def collect(site_id: UUID, *, after: int, upto: int) -> int:
    """Take up the exposures among a site's events of these ids; return the rows written."""
    return _collect(site_id, _BY_ID, {"after": after, "upto": upto})


def collect_again(site_id: UUID, profile_ids: list[UUID]) -> int:
    """Take up all exposures of some profiles, for example after a merge was undone."""
    profiles = "{" + ",".join(map(str, profile_ids)) + "}"
    return _collect(site_id, _BY_PROFILE, {"profiles": profiles})


def _collect(site_id: UUID, chosen: str, values: dict[str, Any]) -> int:
    statement = _COLLECT.format(
        exposure=_EXPOSURE, chosen=chosen, allowed=event_allows("e", Purpose.EXPERIMENTS)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"site": str(site_id), "viewed": VIEWED, **values})
        return int(cursor.rowcount)


def days_touched(
    site_id: UUID, *, after: int, upto: int, since: datetime
) -> list[tuple[UUID, date]]:
    """Return (phase, day) of the participants that events of these ids may say something of.

    Args:
        since: of phases that ended before, nothing is counted any more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TOUCHED, {"site": str(site_id), "after": after, "upto": upto, "since": since}
        )
        return list(cursor.fetchall())


_TOUCHED: Final = """
SELECT DISTINCT q.phase_id, q.day
FROM (SELECT DISTINCT e.profile_id FROM events_event e
  WHERE e.site_id = %(site)s AND e.id > %(after)s AND e.id <= %(upto)s) e
JOIN experiments_participant q ON q.profile_id = e.profile_id
JOIN experiments_phase h ON h.id = q.phase_id
WHERE coalesce(h.ended_at, 'infinity') > %(since)s
ORDER BY q.phase_id, q.day
"""
