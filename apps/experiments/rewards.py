"""Who was shown what first in a placement, how likely that was, and what they did after it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS as EVENT_KINDS
from apps.experiments.counting import pieces_of
from apps.experiments.models import Metric

KINDS: Final = (Metric.Kind.CONVERSION, Metric.Kind.MEAN, Metric.Kind.RETENTION)
_REWARDS: Final = """
SELECT {y}::float8 FROM (
  SELECT q.place, coalesce(v.y, 0) AS y
  FROM unnest(%(people)s::uuid[], %(moments)s::timestamptz[]) WITH ORDINALITY
    AS q(profile_id, first_at, place)
  LEFT JOIN LATERAL (
    SELECT sum({own}) FILTER (WHERE {is_usable} AND {is_after}) AS y
    FROM events_event e
    WHERE e.profile_id = q.profile_id AND {allowed} AND e.kind <> {exposure} AND {is_own}
      AND e.occurred_at >= q.first_at AND e.occurred_at < q.first_at + %(window)s
  ) v ON true
) raw ORDER BY place
"""


def rewards_of(metric: Metric, rounds: Sequence[tuple[UUID, datetime]]) -> list[float]:
    """Return what each person did after a moment, in the order of the rounds. One query.

    Args:
        metric: of one of KINDS; its value is as in an experiment, bounded by `most`.
    """
    pieces, values = pieces_of(metric)
    values |= {
        "people": [str(profile_id) for profile_id, _ in rounds],
        "moments": [at for _, at in rounds],
    }
    with connection.cursor() as cursor:
        cursor.execute(_REWARDS.format(**pieces), values)
        return [float(value) for (value,) in cursor.fetchall()]


# One row a person, in an order that tells nothing of them. What was certain does not say so.
_FIRST: Final = """
SELECT profile_id, at, variant, propensity, decided_ms, facts, count(*) OVER () FROM (
  SELECT DISTINCT ON (e.profile_id) e.profile_id, e.occurred_at AS at,
    e.properties->>'variant' AS variant, coalesce((e.properties->>'propensity')::float8, 1)
      AS propensity, coalesce((e.properties->>'decided_ms')::bigint, 0) AS decided_ms,
    jsonb_build_object('browser', coalesce(e.context->>'userAgent', ''),
      'country', coalesce(e.context->'location'->>'country', ''),
      'device', coalesce(e.context->'device'->>'type', '')) AS facts
  FROM events_event e
  WHERE {is_one} AND (e.properties ? 'propensity' OR NOT e.properties ? 'experiment')
  ORDER BY e.profile_id, e.occurred_at, e.id
) first WHERE propensity > 0 AND propensity <= 1
ORDER BY md5(profile_id::text) LIMIT %(most)s
"""
_UNLIKELY: Final = """
SELECT count(*) FROM events_event e
WHERE {is_one} AND e.properties ? 'experiment' AND NOT e.properties ? 'propensity'
"""
_IS_ONE: Final = """
e.site_id = %(site)s AND e.kind = {exposure} AND e.occurred_at >= %(since)s
  AND e.occurred_at < %(until)s AND e.properties->>'placement' = %(placement)s
  AND e.properties ? 'variant' AND {allowed}
"""


class Shown(NamedTuple):
    """What somebody was shown first: when, which variant, how likely that was.

    Attributes:
        decided_ms: when it was decided; 0: not told.
        facts: browser, country and device of the exposure; empty texts where they are not told.
    """

    profile_id: UUID
    at: datetime
    variant: str
    propensity: float
    decided_ms: int
    facts: dict[str, Any]


class AllShown(NamedTuple):
    """What there is to learn from.

    Attributes:
        people: how many there are; `first` may be a sample of them.
        unlikely: exposures of an experiment that do not say how likely they were.
    """

    first: Sequence[Shown]
    people: int
    unlikely: int


def shown_first(
    site_id: UUID, placement: str, *, since: datetime, until: datetime, most: int
) -> AllShown:
    """Return the first exposure of each person in [since, until) in a placement. Two queries.

    Only exposures that may be counted for experiments. Of more people than `most` a sample.
    """
    is_one = _IS_ONE.format(
        exposure=int(EVENT_KINDS["exposure"]), allowed=event_allows("e", Purpose.EXPERIMENTS)
    )
    values: dict[str, Any] = {
        "site": str(site_id),
        "placement": placement,
        "since": since,
        "until": until,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(is_one=is_one), values)
        rows = cursor.fetchall()
        cursor.execute(_UNLIKELY.format(is_one=is_one), values)
        unlikely = int(cursor.fetchone()[0])
    first = [
        Shown(profile_id, at, variant, propensity, decided_ms, _facts(facts))
        for profile_id, at, variant, propensity, decided_ms, facts, _ in rows
    ]
    return AllShown(first, int(rows[0][6]) if rows else 0, unlikely)


def _facts(found: Any) -> dict[str, Any]:
    """What JSON of a statement says; the driver gives it as text or as what it holds."""
    read = json.loads(found) if isinstance(found, str) else found
    return read if isinstance(read, dict) else {}
