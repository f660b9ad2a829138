"""What a site's events say of a metric, for the pages on which experiments are designed.

Each look is time-boxed: on a site with very many events a page says that it does not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS
from apps.experiments.counting import pieces_of
from apps.experiments.models import Metric
from apps.experiments.money import NAMED

DAYS: Final = 28
LIMIT_MS: Final = 2_500
SAMPLE: Final = 20_000  # visitors whose doings the baseline is worked out from
_EXPOSURE: Final = int(KINDS["exposure"])

_NAMES: Final = """
SELECT name FROM events_eventschema WHERE site_id = %s AND name <> '' ORDER BY name LIMIT 300
"""
_LATELY: Final = """
SELECT (occurred_at AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE {usable}),
  avg({own}) FILTER (WHERE {usable})
FROM events_event e
WHERE e.site_id = %(site)s AND e.occurred_at >= %(since)s AND e.occurred_at < %(now)s
  AND e.kind <> {exposure} AND {is_own} AND {allowed}
GROUP BY 1 ORDER BY 1
"""
_PEOPLE: Final = """
SELECT count(DISTINCT e.profile_id) FROM events_event e
WHERE e.site_id = %(site)s AND e.occurred_at >= %(since)s AND e.occurred_at < %(now)s
  AND e.kind <> {exposure} AND {is_own} AND {allowed}
"""
_CURRENCIES: Final = """
SELECT DISTINCT {named} FROM events_event e
WHERE e.site_id = %s AND e.name IN (%s, %s) AND e.occurred_at >= %s
  AND e.properties ? 'currency' AND {allowed} LIMIT 5
"""
# Whoever was exposed in a placement: when first, and what they did after it within the window.
_SEEN: Final = """
CREATE TEMP TABLE seen ON COMMIT DROP AS
SELECT e.profile_id, min(e.occurred_at) AS first_at FROM events_event e
WHERE e.site_id = %(site)s AND e.kind = {exposure} AND e.occurred_at >= %(since)s
  AND e.occurred_at < %(now)s AND e.properties->>'placement' = %(placement)s AND {allowed}
GROUP BY e.profile_id
"""


@dataclass(frozen=True, slots=True)
class Lately:
    """How often a metric's event came in the last 28 days.

    Attributes:
        days: (day, events), the days without any left out.
        usable: events with the number that is asked for, in the currency; mean: of it.
    """

    events: int
    people: int
    usable: int
    mean: float | None
    days: tuple[tuple[date, int], ...]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What visitors of a placement did lately, without any experiment.

    Attributes:
        visitors: who saw it in the last 28 days, each once.
        n: of how many of them the goal is known, their time for it being over.
        mean, sd: of the metric for each; None without anybody.
        is_early: nobody's time is over yet: of all of them instead, which is rather too low.
    """

    visitors: int
    n: int
    mean: float | None
    sd: float | None
    is_early: bool = False


def event_names(site_id: UUID | None) -> list[str]:
    """Return the names of the events that a site has sent. One query."""
    if site_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [str(site_id)])
        return [name for (name,) in cursor.fetchall()]


def currencies(metric: Metric, since: datetime, *, at_most_ms: int = 0) -> list[str]:
    """Return the currencies that a metric's events name, five at most. One query.

    Args:
        at_most_ms: after so long it gives up, and returns none; 0: whatever it takes.
    """
    statement = _CURRENCIES.format(named=NAMED, allowed=event_allows("e", Purpose.EXPERIMENTS))
    values: list[Any] = [str(metric.site_id), metric.event, metric.per_event or metric.event, since]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if at_most_ms:
                cursor.execute(f"SET LOCAL statement_timeout = {at_most_ms}")
            cursor.execute(statement, values)
            found = sorted(row[0] for row in cursor.fetchall() if row[0])
            if at_most_ms:
                _unbox(cursor)
    except OperationalError:
        if not at_most_ms:
            raise
        return []
    return found


def lately(metric: Metric, now: datetime) -> Lately | None:
    """Return how often a metric's event came; None where that takes too long. Two queries."""
    pieces, values = pieces_of(metric)
    parts = {
        "usable": pieces["is_usable"],
        "own": pieces["own"],
        "is_own": pieces["is_own"],
        "exposure": _EXPOSURE,
        "allowed": event_allows("e", Purpose.EXPERIMENTS),
    }
    since = now - timedelta(days=DAYS)
    values |= {"site": str(metric.site_id), "since": since, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _box(cursor)
            cursor.execute(_LATELY.format(**parts), values)
            rows = cursor.fetchall()
            cursor.execute(_PEOPLE.format(**parts), values)
            people = int(cursor.fetchone()[0])
            _unbox(cursor)
    except OperationalError:
        return None
    usable = sum(row[2] for row in rows)
    total = sum(float(row[3]) * row[2] for row in rows if row[3] is not None)
    return Lately(
        events=sum(row[1] for row in rows),
        people=people,
        usable=usable,
        mean=total / usable if usable else None,
        days=tuple((row[0], row[1]) for row in rows),
    )


def baseline(metric: Metric, placement: str, now: datetime) -> Baseline | None:
    """Return what visitors of a placement do without an experiment; None: it takes too long.

    Of a ratio, each one's own ratio is no number of theirs: `mean` is of both sums, and `sd` that
    of the delta method. Three queries.
    """
    pieces, values = pieces_of(metric)
    window = timedelta(hours=metric.window_hours)
    since = now - timedelta(days=DAYS) - window
    values |= {"site": str(metric.site_id), "placement": placement, "since": since, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _box(cursor)
            visitors, rows, is_early = _measured(cursor, pieces, values, now, window)
            cursor.execute("DROP TABLE seen")
            _unbox(cursor)
    except OperationalError:
        return None
    n, y, yy, d, dd, yd = (float(one or 0) for one in rows)
    mean, sd = _moments(n, y, yy, d, dd, yd, is_ratio=metric.kind == Metric.Kind.RATIO)
    return Baseline(visitors, int(n), mean, sd, is_early)


def _measured(
    cursor: Any,
    pieces: Mapping[str, str],
    values: dict[str, Any],
    now: datetime,
    window: timedelta,
) -> tuple[int, tuple[Any, ...], bool]:
    allowed = event_allows("e", Purpose.EXPERIMENTS)
    cursor.execute(_SEEN.format(exposure=_EXPOSURE, allowed=allowed), values)
    counts = "count(*) FILTER (WHERE first_at >= %s), count(*) FILTER (WHERE first_at < %s)"
    ripe_before = now - window
    cursor.execute(f"SELECT {counts} FROM seen", [now - timedelta(days=DAYS), ripe_before])
    visitors, ripe = cursor.fetchone()
    is_early = not ripe
    values |= {"ripe": now if is_early else ripe_before, "sample": SAMPLE}
    cursor.execute(_DONE.format(**pieces), values)
    return int(visitors), cursor.fetchone(), is_early


_DONE: Final = """
WITH q AS (
  SELECT profile_id, first_at FROM seen WHERE first_at < %(ripe)s
  ORDER BY md5(profile_id::text) LIMIT %(sample)s
), raw AS (
  SELECT coalesce(v.y, 0) AS y, coalesce(v.d, 0) AS d FROM q LEFT JOIN LATERAL (
    SELECT sum({own}) FILTER (WHERE {is_own} AND {is_usable} AND {is_after}) AS y,
      sum({per}) FILTER (WHERE {is_per} AND {is_after}) AS d
    FROM events_event e
    WHERE e.profile_id = q.profile_id AND {allowed} AND e.kind <> {exposure}
      AND e.occurred_at >= q.first_at AND e.occurred_at < q.first_at + %(window)s
      AND ({is_own} OR {is_per})
  ) v ON true
), one AS (SELECT ({y})::float8 AS y, d::float8 AS d FROM raw)
SELECT count(*), sum(y), sum(y * y), sum(d), sum(d * d), sum(y * d) FROM one
"""


def _moments(
    n: float, y: float, yy: float, d: float, dd: float, yd: float, *, is_ratio: bool
) -> tuple[float | None, float | None]:
    """Mean and standard deviation; of a ratio those of its linear form for each visitor."""
    if not n or (is_ratio and not d):
        return None, None
    if not is_ratio:
        mean = y / n
        return mean, max(0.0, yy / n - mean * mean) ** 0.5
    ratio = y / d
    # The delta method: what one visitor adds to the ratio is (y - ratio * d) / mean of d.
    spread = max(0.0, (yy - 2 * ratio * yd + ratio * ratio * dd) / n)
    return ratio, spread**0.5 / (d / n)


def _box(cursor: Any) -> None:
    cursor.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}")


def _unbox(cursor: Any) -> None:
    cursor.execute("SET LOCAL statement_timeout = DEFAULT")
