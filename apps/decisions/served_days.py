"""The decision log and what was seen of it, counted by day: for coverage, curves, "never served".

A day is counted whole and its rows replaced, so counting twice changes nothing. It is counted anew
when its number of records is another one than when it was counted: those that come late are in it
then. What counting costs is bounded: a day that takes long is counted less often.
"""

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from apps.consent.gates import NEEDS, Verb, event_allows
from apps.decisions import arm_days
from apps.decisions.served_models import ArmDay, CountedDay, ServedDay, ShownDay

KEPT: Final = timedelta(days=400)
LATE: Final = timedelta(days=7)  # how far back a day is looked at again
RECORDED: Final = timedelta(days=28)  # whole days that the log still holds, for the first count
REST: Final = 20  # counting a day takes at most a twentieth of the time

_SITES = "SELECT id FROM access_site ORDER BY id"
_RECORDS = """
SELECT (at AT TIME ZONE 'UTC')::date, count(*) FROM decisions_decisionrecord
WHERE site_id = %(site)s AND at >= %(begin)s AND at < %(end)s GROUP BY 1
"""
_SERVE = """
INSERT INTO decisions_servedday (site_id, day, placement, variant, reason, rule, calls, visitors)
SELECT %(site)s, %(day)s, answer->>'placement', coalesce(answer->>'variant', ''),
  answer->>'reason', coalesce(answer->>'rule', ''), count(*), count(DISTINCT r.profile_id)
FROM decisions_decisionrecord r, jsonb_array_elements(r.placements) AS answer
WHERE r.site_id = %(site)s AND r.at >= %(begin)s AND r.at < %(end)s
  -- What does not exist has any number of names.
  AND answer->>'block' IS NOT NULL
GROUP BY 3, 4, 5, 6
"""
# 7 and 8: an exposure and a conversion that name the decision they came of.
_SHOW = f"""
INSERT INTO decisions_shownday (site_id, day, placement, variant, exposures, conversions)
SELECT %(site)s, %(day)s, properties->>'placement', properties->>'variant',
  count(*) FILTER (WHERE kind = 7), count(*) FILTER (WHERE kind = 8)
FROM events_event e
WHERE {event_allows("e", NEEDS[Verb.REPORT])}
  AND site_id = %(site)s AND occurred_at >= %(begin)s AND occurred_at < %(end)s
  AND kind IN (7, 8) AND properties ? 'placement' AND properties ? 'variant'
  AND length(properties->>'placement') <= 100 AND length(properties->>'variant') <= 100
GROUP BY 3, 4
"""
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('served days ' || %(site)s, 0))"


def count_days(now: datetime) -> int:
    """Count every site's days that have changed; return how many were counted."""
    with connection.cursor() as cursor:
        cursor.execute(_SITES)
        sites = [row[0] for row in cursor.fetchall()]
    return sum(count_site(site_id, now) for site_id in sites)


def count_site(site_id: UUID, now: datetime) -> int:
    """Count a site's days that have changed since they were counted; return how many."""
    today = now.astimezone(UTC).date()
    is_new = not CountedDay.objects.filter(site_id=site_id).exists()
    first = today - (RECORDED if is_new else LATE)
    records = _records(site_id, first, today)
    counted = {one.day: one for one in CountedDay.objects.filter(site_id=site_id, day__gte=first)}
    done = 0
    for day, found in sorted(records.items()):
        before = counted.get(day)
        if before is None or _is_due(before, found, now):
            count_day(site_id, day, now)
            done += 1
    return done


def _is_due(before: CountedDay, records: int, now: datetime) -> bool:
    """Whether a day wants to be counted anew.

    Exposures and conversions follow their decisions, also by days: a day is looked at once more
    each day as long as it may be late.
    """
    rested = now - before.counted_at >= timedelta(milliseconds=before.took_ms * REST)
    return rested and (records != before.records or now - before.counted_at >= timedelta(days=1))


@transaction.atomic
def count_day(site_id: UUID, day: date, now: datetime) -> None:
    """Count one day of a site (UTC) and replace what was counted of it."""
    started = time.monotonic()
    begin = datetime.combine(day, time_of_day.min, UTC)
    bound: dict[str, Any] = {
        "site": str(site_id), "day": day, "begin": begin, "end": begin + timedelta(days=1),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, bound)
        # Before what is counted: a record that comes in between makes the day be counted again.
        records = _records(site_id, day, day).get(day, 0)
        ServedDay.objects.filter(site_id=site_id, day=day).delete()
        ShownDay.objects.filter(site_id=site_id, day=day).delete()
        cursor.execute(_SERVE, bound)
        cursor.execute(_SHOW, bound)
        arm_days.count(cursor, bound)
    CountedDay.objects.update_or_create(
        site_id=site_id,
        day=day,
        defaults={
            "records": records,
            "counted_at": now,
            "took_ms": int((time.monotonic() - started) * 1000),
        },
    )


def prune(now: datetime) -> int:
    """Forget days older than KEPT; return how many rows."""
    border = (now - KEPT).date()
    return sum(
        model.objects.filter(day__lt=border).delete()[0]
        for model in (ServedDay, ShownDay, ArmDay, CountedDay)
    )


def served_by_rule(site_id: UUID, placement: str, since: date) -> dict[str, int]:
    """Return how many answers of a placement each rule gave since a day (UTC). One query.

    By the rule's key; "" are all answers that no rule gave.
    """
    rows = ServedDay.objects.filter(site_id=site_id, placement=placement, day__gte=since)
    return dict(rows.order_by().values_list("rule").annotate(Sum("calls")))


def _records(site_id: UUID, first: date, last: date) -> dict[date, int]:
    """How many records there are of each day from `first` to `last`; no day without any."""
    bound: dict[str, Any] = {
        "site": str(site_id),
        "begin": datetime.combine(first, time_of_day.min, UTC),
        "end": datetime.combine(last, time_of_day.min, UTC) + timedelta(days=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORDS, bound)
        return dict(cursor.fetchall())
