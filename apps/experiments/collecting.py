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
from apps.experiments.viewed import (
    ARM_FIRST,
    IS_ARM,
    IS_MEANT,
    MEANT_FIRST,
    SAID,
    VIEWED,
    WAS_STOPPED,
)

_EXPOSURE: Final = int(KINDS["exposure"])
BUSY: Final = 1_000  # events of one visitor within an hour of the clock: more than anybody does

# What the events around the first exposure say of the browser, for the breakdown of a wrong split.
_FACTS: Final = """
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'browser', min(left(regexp_replace(b.context->>'userAgent', ' [0-9.]+$', ''), 60)),
    'device', min(left(b.context->'device'->>'type', 30)),
    'country', min(left(coalesce(b.context->'location'->>'country', b.properties->>'country'), 30)),
    'source', min(left(coalesce(b.context->'campaign'->>'source', substring(
      b.context->'page'->>'url' from '[?&]utm_source=([^&#]+)')), 60)))) AS facts
  FROM events_event b
  WHERE b.profile_id = f.profile_id AND {allowed_b}
    AND b.occurred_at >= f.occurred_at - interval '1 hour'
    AND b.occurred_at < f.occurred_at + interval '1 hour'
"""
# A browser that says it is a robot, or one that does more than any person, around the exposure.
_IS_ROBOT: Final = "(b.context->'device'->>'type' = 'robot' OR b.context->>'userAgent' = 'Robot')"
_AROUND: Final = """
  b.occurred_at >= {at} - interval '1 day' AND b.occurred_at < {at} + interval '7 days'
"""
_IS_BOT: Final = f"""(EXISTS (
    SELECT 1 FROM events_event b WHERE b.profile_id = {{who}} AND {_AROUND} AND {_IS_ROBOT}
  ) OR EXISTS (
    SELECT 1 FROM events_event b WHERE b.profile_id = {{who}} AND {_AROUND}
    GROUP BY date_trunc('hour', b.occurred_at) HAVING count(*) >= {BUSY}
  ))"""
# Who has shown it since the participant was taken up: only of those of whom something came in.
_MARK_BOTS: Final = f"""
WITH fresh AS MATERIALIZED (
  SELECT DISTINCT e.profile_id FROM events_event e
  WHERE e.site_id = %(site)s AND e.id > %(after)s AND e.id <= %(upto)s
), marked AS (
  UPDATE experiments_participant q SET is_bot = true
  FROM fresh WHERE q.profile_id = fresh.profile_id AND NOT q.is_bot
    AND {_IS_BOT.format(who="q.profile_id", at="q.first_at")}
  RETURNING q.phase_id, q.day
)
INSERT INTO experiments_reopened (phase_id, day) SELECT DISTINCT phase_id, day FROM marked
"""

# Ours says the publication, which says the phase; an arm that was stopped showed the control. An
# arm that has no variant of its own may show any: while it is stopped, its exposures name no arm.
# One of another tool says what it calls the experiment and the arm, and counts by its time: not for
# an arm that was stopped then, which showed the control, whoever claims to have seen it.
_COLLECT: Final = """
WITH seen AS (
  SELECT e.profile_id, e.occurred_at, e.id, e.kind = {exposure} AS is_ours, e.properties AS p,
    {said}
  FROM events_event e
  WHERE e.site_id = %(site)s AND {chosen} AND {allowed}
    AND (e.kind = {exposure} AND e.properties ? 'experiment' OR e.name = %(viewed)s)
), dealt AS (
  SELECT h.id AS phase_id, (a->>'number')::smallint AS arm, s.profile_id, s.occurred_at, s.id,
    s.p, CASE WHEN s.is_ours AND jsonb_typeof(s.p->'probability') = 'number'
      THEN (s.p->>'probability')::float8 END AS probability
  FROM seen s
  CROSS JOIN LATERAL (
    SELECT x.id FROM experiments_experiment x WHERE x.site_id = %(site)s AND {is_meant}
    ORDER BY {meant_first} LIMIT 1
  ) x
  CROSS JOIN LATERAL (
    SELECT h.id, h.number, h.arms FROM experiments_phase h
    LEFT JOIN experiments_serving v ON v.phase_id = h.id
    WHERE h.experiment_id = x.id AND CASE WHEN s.is_ours
      THEN v.publication <= (s.p->>'snapshot')::int ELSE h.started_at <= s.occurred_at END
    ORDER BY CASE WHEN s.is_ours THEN v.publication ELSE h.number END DESC LIMIT 1
  ) h
  CROSS JOIN LATERAL (
    SELECT one.a FROM jsonb_array_elements(h.arms) WITH ORDINALITY one(a, place)
    WHERE {is_arm} ORDER BY {arm_first} LIMIT 1
  ) d
  WHERE (NOT s.is_ours OR coalesce(a->>'variant_key', '') IN ('', s.p->>'variant'))
    AND (s.is_ours OR s.occurred_at < coalesce(
      (SELECT w.ended_at FROM experiments_phase w WHERE w.id = h.id), 'infinity')
      AND NOT {was_stopped})
), first AS (
  SELECT DISTINCT ON (phase_id, profile_id) *,
    min(arm) OVER own <> max(arm) OVER own AS is_mixed
  FROM dealt WINDOW own AS (PARTITION BY phase_id, profile_id)
  ORDER BY phase_id, profile_id, occurred_at, id
), moved AS (  -- one that comes late may be the first: then the day of before has lost somebody
  INSERT INTO experiments_reopened (phase_id, day)
  SELECT DISTINCT q.phase_id, q.day
  FROM first f JOIN experiments_participant q USING (phase_id, profile_id)
  WHERE f.occurred_at < q.first_at
)
INSERT INTO experiments_participant AS one
  (phase_id, profile_id, arm, first_at, day, probability, is_mixed, is_bot, segments, facts)
SELECT f.phase_id, f.profile_id, f.arm, f.occurred_at, (f.occurred_at AT TIME ZONE 'UTC')::date,
  f.probability, f.is_mixed, {is_bot}, coalesce(m.inside, '[]'), coalesce(t.facts, '{{}}')
FROM first f
JOIN experiments_phase h ON h.id = f.phase_id
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(g.key, v.number) ORDER BY g.key) AS inside
  FROM segments_membership s JOIN segments_segment g ON g.id = s.segment_id
  JOIN segments_segmentversion v ON v.id = s.version_id
  WHERE s.profile_id = f.profile_id AND h.segments ? g.key
    AND s.since <= f.occurred_at AND (s.left_at IS NULL OR s.left_at > f.occurred_at)
) m ON true
LEFT JOIN LATERAL ({facts}) t ON true
ORDER BY f.phase_id, f.profile_id
ON CONFLICT (phase_id, profile_id) DO UPDATE SET
  is_mixed = one.is_mixed OR EXCLUDED.is_mixed OR one.arm <> EXCLUDED.arm,
  arm = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.arm ELSE one.arm END,
  probability = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.probability
    ELSE one.probability END,
  segments = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.segments
    ELSE one.segments END,
  facts = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.facts ELSE one.facts END,
  is_bot = CASE WHEN EXCLUDED.first_at < one.first_at THEN EXCLUDED.is_bot ELSE one.is_bot END,
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
        said=SAID,
        is_meant=IS_MEANT,
        meant_first=MEANT_FIRST,
        is_arm=IS_ARM,
        arm_first=ARM_FIRST,
        was_stopped=WAS_STOPPED,
        exposure=_EXPOSURE,
        chosen=chosen,
        allowed=event_allows("e", Purpose.EXPERIMENTS),
        facts=_FACTS.format(allowed_b=event_allows("b", Purpose.EXPERIMENTS)),
        is_bot=_IS_BOT.format(who="f.profile_id", at="f.occurred_at"),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"site": str(site_id), "viewed": VIEWED, **values})
        return int(cursor.rowcount)


def mark_bots(site_id: UUID, *, after: int, upto: int) -> None:
    """Mark participants of whom events of these ids tell that they are machines.

    What a machine does is no opinion on a variant: it is left out of every sum, and counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MARK_BOTS, {"site": str(site_id), "after": after, "upto": upto})


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
