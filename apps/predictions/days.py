"""Sums of what each profile did by day, for features: counted once, made again when events change.

Kept for one purpose only, learning models: events that do not allow it are not in them. A model
that is for something else is answered from the events. Days are closed one by one, each in a
transaction of its own, so a fill that was broken off goes on where it was. Marks are worked off in
batches. Whatever is not closed, or is marked, is read from the events (`features_sql`).
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.consent.gates import event_allows
from apps.consent.types import Purpose
from apps.events import feature_marks
from apps.events.feature_marks import Marked
from apps.events.fold import KINDS
from apps.predictions import feature_words
from apps.predictions.domain.feature_parts import DAY_MS, RARE, kept_columns
from apps.predictions.feature_words import Kept
from apps.predictions.features_sql import event_rows, pieces
from apps.profiles.state import uuid_array
from apps.work import clock
from apps.work.types import Progress
from engine.facts import SESSION_IDLE_MS

logger = logging.getLogger(__name__)

# Senders buffer: right after midnight many events of the day before are still to come.
GRACE_MS: Final = 300_000
REST_S: Final = 0.05  # between two days: somebody else wants the database, too
PEOPLE: Final = 500  # marked profiles that are counted at a time
WORK_MEM: Final = "128MB"
LONGEST: Final = "10min"  # one day, or one batch of people
PURPOSE: Final = Purpose.MODEL_TRAINING


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fill did.

    Attributes:
        closed_day: the first day that is not closed, in days since 1970.
        days: how many were closed.
        repaired: how many profiles were counted again.
    """

    closed_day: int
    days: int
    repaired: int


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def fill(site_id: UUID, *, now: datetime, progress: Progress = silent) -> Filled:
    """Close the days that are over and count again what has changed in closed ones.

    Cheap when nothing has changed. What is not certain yet (writers of yesterday) is left for the
    next time; so is, when it was broken off, what it had not come to.
    """
    today = (clock.to_ms(now) - GRACE_MS) // DAY_MS
    closed = feature_marks.closed_day(site_id)
    words = feature_words.kept(site_id)
    if closed and words.is_outdated:
        _empty(site_id)
        closed = 0
    days = 0
    if closed < today and feature_marks.begin_closing(site_id, clock.from_ms(today * DAY_MS)):
        days = _close(site_id, closed, today, progress)
    repaired = _repair(site_id, progress)
    closed = feature_marks.closed_day(site_id)
    logger.info("predictions.days_filled", extra={"site": site_id, "days": days, "who": repaired})
    return Filled(closed, days, repaired)


def _empty(site_id: UUID) -> None:
    """Forget all days of a site: they were counted in another way."""
    with transaction.atomic(), connection.cursor() as cursor:
        feature_marks.lock(site_id)
        feature_marks.reopen(site_id)
        cursor.execute("DELETE FROM predictions_featureday WHERE site_id = %s", [str(site_id)])
        feature_words.forget(site_id)


def _close(site_id: UUID, closed: int, today: int, progress: Progress) -> int:
    first = closed or feature_marks.first_day(site_id)
    begin = today if first is None else min(max(first, 1), today)
    with transaction.atomic():
        feature_marks.lock(site_id)
        _settings()
        feature_words.grow(site_id, begin * DAY_MS, today * DAY_MS, allowed=allowed_for(PURPOSE))
    if begin == today:
        with transaction.atomic():
            feature_marks.lock(site_id)
            feature_marks.close(site_id, today)
        return 0
    for day in range(begin, today):
        with transaction.atomic():
            was_closed = feature_marks.lock(site_id)
            # Somebody else may have held the lock and closed it meanwhile.
            if was_closed <= day:
                _count_day(site_id, feature_words.kept(site_id), day)
                feature_marks.close(site_id, day + 1)
        progress(day + 1 - begin, today - begin, "days summed up")
        time.sleep(REST_S if not connection.in_atomic_block else 0)
    return today - begin


def allowed_for(purpose: Purpose) -> str:
    """Return the condition that an event `e` of the site may be looked at for a purpose.

    Exposures are left out: they are what we did.
    """
    return (
        f"e.site_id = %(site)s::uuid AND e.kind <> {int(KINDS['exposure'])}"
        f" AND {event_allows('e', purpose)}"
    )


def _settings() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET LOCAL work_mem = '{WORK_MEM}'; SET LOCAL statement_timeout = '{LONGEST}';"
            # What is sorted by time is grouped as it comes: states of all at once take more.
            " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_hashagg = off"
        )


def _day_source(day: int) -> str:
    """The events of one day, and those before its midnight that a visit may have begun with."""
    lo, hi = day * DAY_MS, (day + 1) * DAY_MS
    since, until = (clock.from_ms(at).isoformat() for at in (lo - SESSION_IDLE_MS, hi))
    return f"""SELECT {event_rows(0, f"{lo}::bigint")}
FROM events_event e WHERE {allowed_for(PURPOSE)}
  AND e.occurred_at >= '{since}' AND e.occurred_at < '{until}'"""


# The days of some people: each has its own range.
_PEOPLE_SOURCE = f"""
SELECT {event_rows(0, f"q.from_day * {DAY_MS}::bigint")}
FROM (SELECT unnest(%(people)s::uuid[]) AS profile_id, unnest(%(from_days)s::int[]) AS from_day,
  unnest(%(to_days)s::int[]) AS to_day) q
JOIN events_event e ON e.profile_id = q.profile_id
  AND e.occurred_at >= to_timestamp(q.from_day * 86400.0 - {SESSION_IDLE_MS / 1000})
  AND e.occurred_at < to_timestamp(q.to_day * 86400.0)
WHERE {{allowed}}"""


def _counted(source: str, words: Kept) -> tuple[str, list[str]]:
    """The SELECT of the columns that are kept, and their names."""
    columns = kept_columns(len(words.words.names), len(words.words.categories))
    names = ["site_id", "profile_id", "day", *(key for key, _ in columns)]
    inner = pieces(source, columns)
    listed = ", ".join(f"c.{name}" for name in names[1:])
    return f"SELECT %(site)s::uuid AS site_id, {listed} FROM ({inner}) c", names


def _params(site_id: UUID, words: Kept) -> dict[str, Any]:
    return {
        "site": str(site_id),
        "names": list(words.words.names),
        "categories": list(words.words.categories),
        "zone": words.zone,
    }


def _count_day(site_id: UUID, words: Kept, day: int) -> None:
    _settings()
    select, names = _counted(_day_source(day), words)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO predictions_featureday ({', '.join(names)}) {select}",
            _params(site_id, words),
        )


def _repair(site_id: UUID, progress: Progress) -> int:
    """Count again the days that have changed; return of how many profiles."""
    done = 0
    while feature_marks.has_marks(site_id):
        with transaction.atomic():
            closed = feature_marks.lock(site_id)
            marked = feature_marks.take_marks(site_id, PEOPLE)
            if not marked:
                break
            _count_again(site_id, feature_words.kept(site_id), marked, closed)
        done += len(marked)
        progress(done, 0, "people summed up again")
    return done


def _count_again(site_id: UUID, words: Kept, marked: Sequence[Marked], closed: int) -> None:
    spans: dict[str, Any] = {
        "people": uuid_array([one.profile_id for one in marked]),
        "from_days": [one.from_day for one in marked],
        "to_days": [min(one.to_day, closed) for one in marked],
    }
    _settings()
    select, names = _counted(_PEOPLE_SOURCE.replace("{allowed}", allowed_for(PURPOSE)), words)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions_featureday d USING (SELECT unnest(%(people)s::uuid[]) AS who,"
            " unnest(%(from_days)s::int[]) AS from_day, unnest(%(to_days)s::int[]) AS to_day) q"
            " WHERE d.profile_id = q.who AND d.day >= q.from_day AND d.day < q.to_day",
            spans,
        )
        cursor.execute(
            f"INSERT INTO predictions_featureday ({', '.join(names)}) {select}",
            _params(site_id, words) | spans,
        )


def differing(site_id: UUID, *, progress: Progress = silent) -> int:
    """Count all closed days again beside what is kept; return how many rows are not the same.

    Of people who are not marked. Nothing is written.
    """
    closed = feature_marks.closed_day(site_id)
    first = feature_marks.first_day(site_id)
    words = feature_words.kept(site_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(min(day), %s) FROM predictions_featureday WHERE site_id = %s",
            [first, str(site_id)],
        )
        (begin,) = cursor.fetchone()
    found = 0
    days = range(closed if begin is None else begin, closed)
    for place, day in enumerate(days):
        found += _differing(site_id, words, day)
        progress(place + 1, len(days), "days compared")
    return found


def _differing(site_id: UUID, words: Kept, day: int) -> int:
    select, names = _counted(_day_source(day), words)
    # Days that were summed up before a word got its place have shorter arrays.
    padded = {
        column: f"{column} || array_fill({empty}, ARRAY[{size} - cardinality({column})])"
        for column, empty, size in (
            ("names", 0, len(words.words.names)),
            ("lasts", -1, len(words.words.names)),
            ("categories", 0, len(words.words.categories) + RARE),
        )
    }
    listed = ", ".join(padded.get(name, name) for name in names)
    kept = (
        f"SELECT {listed} FROM predictions_featureday"
        f" WHERE site_id = %(site)s::uuid AND day = {day}"
    )
    with transaction.atomic():
        _settings()
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH kept AS MATERIALIZED ({kept}), counted AS MATERIALIZED ({select})"
                " SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE counted)"
                " UNION ALL (TABLE counted EXCEPT ALL TABLE kept)) o WHERE NOT EXISTS"
                " (SELECT FROM events_featuremark m WHERE m.profile_id = o.profile_id)",
                _params(site_id, words),
            )
            return int(cursor.fetchone()[0])


def late_share(site_id: UUID, since: datetime, until: datetime) -> float | None:
    """Return the share of events that came in more than a day late, None without any.

    By closed days, where there are some in between; else by the events.
    """
    begin, end = (clock.to_ms(at) // DAY_MS for at in (since, until))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(late)::float8 / sum(n) FROM predictions_featureday"
            " WHERE site_id = %s AND day >= %s AND day < %s",
            [str(site_id), begin, end],
        )
        (share,) = cursor.fetchone()
        if share is None:
            cursor.execute(
                "SELECT avg((e.received_at > e.occurred_at + interval '1 day')::int)::float8"
                " FROM events_event e"
                f" WHERE {allowed_for(PURPOSE)}"
                " AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s",
                {"site": str(site_id), "since": since, "until": until},
            )
            (share,) = cursor.fetchone()
    return None if share is None else float(share)


def forget(profile_id: UUID) -> int:
    """Delete what was summed up of a profile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM predictions_featureday WHERE profile_id = %s", [str(profile_id)]
        )
        return int(cursor.rowcount)
