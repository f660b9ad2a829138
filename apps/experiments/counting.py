"""Sums by day, arm, metric and segment: counted as a whole, so counting again changes nothing.

The values are what participants did from their first exposure on, within the metric's window, and
the same before it. People shown several arms, and bots, are left out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events.fold import KINDS
from apps.experiments.models import DaySum, Goal, Metric, Phase

SAMPLE: Final = 200  # people of each arm and day whose single values are kept, of a quantile
EACH: Final = 50  # values of one of them, the earliest

# One row a participant: what they did after (y, d) and before (x).
_VALUES: Final = """
SELECT {kept}, coalesce(v.y, 0) AS y, coalesce(v.d, 0) AS d, coalesce(v.x, 0) AS x,
  coalesce(v.left_out, 0) AS left_out
FROM ({who}) q
LEFT JOIN LATERAL (
  SELECT sum({own}) FILTER (WHERE {is_own} AND {is_usable} AND {is_after}) AS y,
    sum({per}) FILTER (WHERE {is_per} AND {is_after}) AS d,
    sum({own}) FILTER (WHERE {is_own} AND {is_usable} AND e.occurred_at < q.first_at) AS x,
    count(*) FILTER (WHERE {is_own} AND NOT {is_usable} AND {is_after}) AS left_out
  FROM events_event e
  WHERE e.profile_id = q.profile_id AND {allowed} AND e.kind <> {exposure}
    AND e.occurred_at >= q.first_at - %(window)s AND e.occurred_at < q.first_at + %(window)s
    AND ({is_own} OR {is_per})
) v ON true
"""
_WHO: Final = """
SELECT arm, segments, profile_id, first_at FROM experiments_participant
WHERE phase_id = %(phase)s AND day = %(day)s AND NOT is_mixed AND NOT is_bot
"""
_BOUNDED: Final = """
SELECT {kept}, left_out, {y} AS y, d, {x} AS x FROM ({values}) raw
"""
_SUMS: Final = """
WITH one AS MATERIALIZED ({bounded}), told AS (
  SELECT '' AS segment, o.* FROM one o
  UNION ALL
  SELECT s->>0, o.* FROM one o CROSS JOIN LATERAL jsonb_array_elements(o.segments) s
)
SELECT arm, segment, count(*), sum(y), sum(y * y), sum(d), sum(d * d), sum(y * d), sum(x),
  sum(x * x), sum(x * y), sum(left_out)
FROM told GROUP BY arm, segment
"""
# Single values after the first exposure, by person: people were dealt to arms, values were not. The
# same people each time, some without a value among them.
_SINGLE: Final = """
SELECT arm, jsonb_agg(own ORDER BY profile_id) FROM (
  SELECT q.arm, q.profile_id, (
    SELECT jsonb_agg(v.y) FROM (
      SELECT ({own})::float8 AS y FROM events_event e
      WHERE e.profile_id = q.profile_id AND {allowed} AND {is_own} AND {is_usable} AND {is_after}
        AND e.occurred_at < q.first_at + %(window)s AND ({own}) IS NOT NULL
      ORDER BY e.occurred_at, e.id LIMIT %(each)s) v) AS own
  FROM (SELECT *, row_number() OVER (
      PARTITION BY arm ORDER BY md5(profile_id::text || %(phase)s)) AS place
    FROM experiments_participant
    WHERE phase_id = %(phase)s AND day = %(day)s AND NOT is_mixed AND NOT is_bot) q
  WHERE place <= %(sample)s
) told WHERE own IS NOT NULL GROUP BY arm
"""


def first_whole_day(retention_days: int, now: datetime) -> date:
    """Return the first day (UTC) of which a site that keeps events so long has all of them.

    What was counted of an earlier day stays: counted anew, it would say that nobody did anything.
    """
    return (now - timedelta(days=retention_days)).date() + timedelta(days=1)


def count_day(phase: Phase, metric: Metric, day: date, *, now: datetime) -> int:
    """Count one metric of the participants of one day anew; return the rows written.

    None of a day whose events retention has begun to take away: what is known of it stays.
    """
    if day < first_whole_day(phase.experiment.site.retention_days, now):
        return 0
    parts, values = asked(metric)
    values |= {"phase": str(phase.pk), "day": day, "sample": SAMPLE, "each": EACH}
    statement = sums_of_people(_WHO, parts)
    with transaction.atomic(), connection.cursor() as cursor:
        # Who counts a day waits for who counts it already.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 8))", [_name(phase, metric, day)]
        )
        cursor.execute(statement, values)
        sums = cursor.fetchall()
        samples: dict[int, list[list[float]]] = {}
        if metric.kind == Metric.Kind.QUANTILE:
            cursor.execute(_SINGLE.format(**parts), values)
            samples = {arm: _read(told) for arm, told in cursor.fetchall()}
        DaySum.objects.filter(phase=phase, metric=metric, day=day).delete()
        rows = [
            DaySum(
                phase=phase, metric=metric, arm=arm, segment=segment, day=day, n=n, y=y, yy=yy,
                d=d, dd=dd, yd=yd, x=x, xx=xx, xy=xy, left_out=left_out,
                sample=samples.get(arm, []) if not segment else [], counted_at=now,
            )
            for arm, segment, n, y, yy, d, dd, yd, x, xx, xy, left_out in sums
        ]  # fmt: skip
        DaySum.objects.bulk_create(rows)
    return len(rows)


def values_of(who: str, parts: Mapping[str, str], kept: str = "arm, segments") -> str:
    """Return a statement with a row for each of some people: what is `kept`, left_out, y, d, x.

    Args:
        who: a statement of profile_id, first_at, arm, segments, and more that is kept.
        parts: as `asked` returns them; its values are to be bound.
    """
    values = _VALUES.format(**parts, who=who, kept=", ".join(f"q.{k}" for k in kept.split(", ")))
    return _BOUNDED.format(values=values, y=parts["y"], x=parts["x"], kept=kept)


def sums_of_people(who: str, parts: Mapping[str, str]) -> str:
    """Return the statement of sums by arm and segment over some people: see `values_of`."""
    return _SUMS.format(bounded=values_of(who, parts))


def metrics_of(phase: Phase) -> Sequence[Metric]:
    """Return what a phase is judged by, and what is watched. One query."""
    goals = Goal.objects.filter(experiment_id=phase.experiment_id).select_related("metric")
    return [goal.metric for goal in goals.order_by("metric__key")]


def open_days(phase: Phase, metrics: Iterable[Metric], *, now: datetime) -> list[date]:
    """Return the days whose participants may still do something that counts. One query."""
    longest = max((timedelta(hours=one.window_hours) for one in metrics), default=timedelta())
    rows = phase.participants.filter(day__gte=(now - longest).date())
    return sorted(set(rows.values_list("day", flat=True)))


def pieces_of(metric: Metric) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the pieces of statements over events that count a metric, and their values.

    They name the event `e` and the participant `q` (`profile_id`, `first_at`).
    """
    return asked(metric)


def _read(told: Any) -> list[list[float]]:
    found: list[list[float]] = json.loads(told) if isinstance(told, str) else told
    return found


def _name(phase: Phase, metric: Metric, day: date) -> str:
    return f"{phase.pk} {metric.pk} {day}"


def asked(metric: Metric) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the pieces of the statements for a metric, and their values."""
    values: dict[str, Any] = {
        "event": metric.event,
        "per_event": metric.per_event,
        "property": metric.property,
        "per_property": metric.per_property,
        "currency": metric.currency,
        "window": timedelta(hours=metric.window_hours),
        "after": timedelta(hours=metric.after_hours),
        "most": metric.most,
    }
    is_ratio = metric.kind == Metric.Kind.RATIO
    is_share = metric.kind in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
    bound = "(y > 0)::int" if is_share else "y" if metric.most is None else "least(y, %(most)s)"
    own = "1" if is_share else _of(metric.of, "property")
    usable = [] if own == "1" else [f"({own}) IS NOT NULL"]
    if metric.currency and not is_share:
        usable.append("coalesce(e.properties->>'currency', %(currency)s) = %(currency)s")
    parts = {
        "own": own,
        "per": _of(metric.per_of, "per_property") if is_ratio else "0",
        "is_own": "e.name = %(event)s" if metric.event else "true",
        "is_per": "e.name = %(per_event)s" if is_ratio else "false",
        "is_usable": f"({' AND '.join(usable)})" if usable else "true",
        "is_after": "(e.occurred_at >= q.first_at + %(after)s)",
        "allowed": event_allows("e", Purpose.EXPERIMENTS),
        "exposure": str(int(KINDS["exposure"])),
        "y": bound,
        "x": bound.replace("y", "x"),
    }
    return parts, values


def _of(of: str, name: str) -> str:
    match of:
        case Metric.Of.VALUE:
            return _workable("e.value")
        case Metric.Of.PROPERTY:
            # A number, or nothing: text that looks like one is not.
            told = _workable(f"(e.properties->>%({name})s)::numeric")
            return f"CASE WHEN jsonb_typeof(e.properties->%({name})s) = 'number' THEN {told} END"
    return "1"


def _workable(value: str) -> str:
    """A number whose square is one too, or nothing: a single event must not end all counting."""
    is_so = f"{value} = 0 OR abs({value}) BETWEEN 1e-100 AND 1e100"
    return f"CASE WHEN {is_so} THEN ({value})::float8 END"
