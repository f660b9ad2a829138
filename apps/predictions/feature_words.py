"""The words of a site that have a place in sums by day: names of events, and categories.

A word gets a place once enough people bring it: what one person alone wrote stands nowhere but in
their events. Places are only ever added to.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from apps.events import feature_marks
from apps.predictions.domain.feature_sums import Words
from apps.work import clock

MOST: Final = 32  # of each kind
FEWEST_PEOPLE: Final = 5
LOOK_BACK_MS: Final = 30 * 86_400_000  # the newest of what is closed says which words there are
VERSION: Final = 1  # of how days are counted: another one counts them all again


@dataclass(frozen=True, slots=True)
class Kept:
    """What sums of a site are made with.

    Attributes:
        zone: the site's time zone when they were begun.
        is_outdated: they were made in another way, or for another zone.
    """

    words: Words
    zone: str
    is_outdated: bool = False
    exists: bool = True


def kept(site_id: UUID) -> Kept:
    """Return the words that have a place; of no site that was never filled. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.time_zone, w.names, w.categories, w.zone, w.made_by FROM access_site s"
            " LEFT JOIN predictions_featurewords w ON w.site_id = s.id WHERE s.id = %s",
            [str(site_id)],
        )
        row = cursor.fetchone()
    if row is None:
        return Kept(Words(), "UTC", exists=False)
    zone, names, categories, own_zone, made_by = row
    if names is None:
        return Kept(Words(), zone, exists=False)
    words = Words(tuple(names), tuple(categories), len(categories))
    return Kept(words, own_zone, own_zone != zone or made_by != _maker())


def _maker() -> str:
    """Who counts: sums by hashes of another major version of the database are not ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return f"{VERSION}/{cursor.fetchone()[0]}"


_LEAVE: Final = "DO NOTHING"  # somebody else made them meanwhile
_ADD: Final = (
    "DO UPDATE SET names = predictions_featurewords.names || excluded.names,"
    " categories = predictions_featurewords.categories || excluded.categories"
)
_FREQUENT: Final = """
SELECT e.word FROM (
  SELECT DISTINCT e.profile_id, e.{column} AS word FROM events_event e
  WHERE {allowed} AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s
    AND e.{column} IS NOT NULL AND e.{column} <> ALL(%(known)s::text[])
) e GROUP BY e.word HAVING count(*) >= {fewest}
ORDER BY count(*) DESC, e.word COLLATE "C" LIMIT %(most)s
"""


def grow(site_id: UUID, from_ms: int, to_ms: int, *, allowed: str) -> None:
    """Give places to what people bring in [from, to), at most the newest 30 days.

    Who brought such a word in days that are closed is marked. The caller holds the lock.

    Args:
        allowed: a condition on an event `e`, which binds the site.
    """
    before = kept(site_id)
    since = clock.from_ms(max(from_ms, to_ms - LOOK_BACK_MS))
    fresh: dict[str, list[str]] = {}
    known = {"name": before.words.names, "category": before.words.categories}
    with connection.cursor() as cursor:
        for column, words in known.items():
            if len(words) >= MOST:
                fresh[column] = []
                continue
            cursor.execute(
                _FREQUENT.format(column=column, allowed=allowed, fewest=FEWEST_PEOPLE),
                {
                    "site": str(site_id),
                    "since": since,
                    "until": clock.from_ms(to_ms),
                    "known": list(words),
                    "most": MOST - len(words),
                },
            )
            fresh[column] = [word for (word,) in cursor.fetchall()]
        if before.exists and not (fresh["name"] or fresh["category"]):
            return
        cursor.execute(
            "INSERT INTO predictions_featurewords (site_id, names, categories, zone, made_by)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (site_id) "
            + (_ADD if before.exists else _LEAVE),
            [str(site_id), fresh["name"], fresh["category"], before.zone, _maker()],
        )
    if before.exists:
        closed = clock.from_ms(feature_marks.closed_day(site_id) * 86_400_000)
        feature_marks.mark_whoever_did(site_id, fresh["name"], fresh["category"], closed)


def ensured(site_id: UUID, until_ms: int, *, allowed: str) -> Kept:
    """Return the words that have a place; those of the time before `until_ms`, if there are none.

    So a site whose days were never summed up is asked in the same words as later.
    """
    found = kept(site_id)
    if found.exists:
        return found
    grow(site_id, 0, until_ms, allowed=allowed)
    return kept(site_id)


def forget(site_id: UUID) -> None:
    """Take all places back: the days are counted anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM predictions_featurewords WHERE site_id = %s", [str(site_id)])
