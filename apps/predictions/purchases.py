"""Purchases read for models of value: what each customer bought on each day, net of refunds.

Who does not allow what the model is for is not read. Only workers import this module.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.access.selectors import zone_of
from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows
from apps.consent.vouching import sql_vouched
from apps.predictions.domain.feature_parts import BOUGHT, REFUNDED
from apps.predictions.domain.purchasing import DaySum
from apps.predictions.models import ModelSpec, ModelVersion
from apps.predictions.writing import willing
from apps.profiles.state import uuid_array

CHUNK: Final = 10_000
STALE_AFTER: Final = timedelta(days=1)

_DAYS: Final = """
SELECT e.profile_id, (e.occurred_at AT TIME ZONE %(zone)s)::date - date '1970-01-01' AS day,
  coalesce(sum(e.value) FILTER (WHERE e.name = ANY(%(bought)s) AND e.value > 0), 0)::float8,
  coalesce(sum(abs(e.value)) FILTER (WHERE e.name = %(refunded)s), 0)::float8
FROM events_event e JOIN profiles_profilestate s ON s.profile_id = e.profile_id
WHERE e.site_id = %(site)s AND {allowed} AND (e.name = ANY(%(bought)s) OR e.name = %(refunded)s)
  AND e.occurred_at > %(now)s - %(window)s AND e.occurred_at <= %(now)s
  AND s.site_id = %(site)s AND s.merged_into IS NULL AND {willing} {only}
GROUP BY 1, 2 ORDER BY 1, 2
"""
# Whose own numbers have changed: by a purchase, by another version, or by time alone.
_DUE: Final = """
SELECT DISTINCT e.profile_id
FROM events_event e JOIN profiles_profilestate s ON s.profile_id = e.profile_id
LEFT JOIN predictions_score p
  ON p.profile_id = e.profile_id AND p.spec_id = %(spec)s AND p.output = %(output)s
WHERE e.site_id = %(site)s AND {allowed} AND (e.name = ANY(%(bought)s) OR e.name = %(refunded)s)
  AND e.occurred_at > %(now)s - %(window)s AND e.occurred_at <= %(now)s
  AND s.site_id = %(site)s AND s.merged_into IS NULL AND {willing}
  AND s.last_seen_at > %(active_since)s
  AND (p.id IS NULL OR p.version_id <> %(version)s OR e.received_at > p.as_of
    OR p.as_of < %(stale)s)
ORDER BY e.profile_id
"""


def today(spec: ModelSpec, now: datetime) -> int:
    """Return the day of a moment, in the site's zone, as the days of `day_sums` count."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (%s::timestamptz AT TIME ZONE %s)::date - date '1970-01-01'",
            [now, zone_of(spec.site_id)],
        )
        return int(cursor.fetchone()[0])


def day_sums(
    spec: ModelSpec, *, now: datetime, profile_ids: Sequence[UUID] | None = None
) -> list[DaySum]:
    """Return (profile, day, bought, refunded) of the window, by profile and day.

    A purchase is an event of the model's own name, else of those that most shops use. One without a
    value counts for nothing.

    Args:
        profile_ids: of these people only; None: of everybody who allows it.
    """
    asked = _parameters(spec, now)
    only = ""
    if profile_ids is not None:
        only = "AND e.profile_id = ANY(%(profiles)s::uuid[])"
        asked["profiles"] = uuid_array(profile_ids)
    return list(_rows(_DAYS, spec, asked, only=only))


def due(spec: ModelSpec, version: ModelVersion, *, now: datetime, output: str) -> list[UUID]:
    """Return the customers whom a version has not told of since their last purchase."""
    asked = _parameters(spec, now) | {
        "spec": str(spec.pk),
        "version": str(version.pk),
        "output": output,
        "stale": now - STALE_AFTER,
        "active_since": now - timedelta(days=spec.active_days),
    }
    return [profile_id for (profile_id,) in _rows(_DUE, spec, asked)]


def _parameters(spec: ModelSpec, now: datetime) -> dict[str, Any]:
    return {
        "site": str(spec.site_id),
        "zone": zone_of(spec.site_id),
        "bought": [spec.target_event] if spec.target_event else list(BOUGHT),
        "refunded": spec.settings.get("refunded") or REFUNDED,
        "window": timedelta(days=spec.window_days),
        "now": now,
    }


def _rows(
    statement: str, spec: ModelSpec, asked: dict[str, Any], *, only: str = ""
) -> Iterator[tuple[Any, ...]]:
    text = statement.format(
        allowed=event_allows("e", purpose_of(spec.purpose)),
        willing=willing(spec, sql_vouched("%(site)s::uuid")),
        only=only,
    )
    with connection.cursor() as cursor:
        cursor.execute(text, asked)
        while rows := cursor.fetchmany(CHUNK):
            yield from rows
