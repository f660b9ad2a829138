"""Learning what follows what: two passes over a site's interest events, nothing else.

A pair is two consecutive interest events of one device less than a session's idle time apart.
Nothing is learned from events that do not allow what the recommender is for, nor from whom it does
not stand now.
"""

import hashlib
import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from apps.consent.declared import problem_of, purpose_of
from apps.consent.gates import event_allows, sql_stands
from apps.consent.vouching import sql_vouched
from apps.recommendations.domain.followers import Ranked, followers_of, hit_rate, ranked
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.work.types import Progress
from engine.facts import SESSION_IDLE_MS

KEPT_VERSIONS = 3
POPULAR_LENGTH = 200
HELD_OUT = timedelta(days=1)

# {allowed} is asked of each event's stamp, {willing} of each person now: what it is for.
_VIEWS = """
FROM events_event e WHERE site_id = %(site)s AND name = %(event)s AND item IS NOT NULL
  AND occurred_at > %(since)s AND occurred_at <= %(until)s AND {allowed}
  AND profile_id IN (SELECT s.profile_id FROM profiles_profilestate s
    WHERE s.site_id = %(site)s AND {willing})
"""
# Every view is read once. Of tables that have just been filled the planner knows nothing yet and
# would look through all people for each of them.
_WHOLE = "SET LOCAL enable_nestloop = off"
_NEWEST = f"SELECT max(occurred_at) {_VIEWS}"
_POPULARITY = f"""
SELECT item, count(*), count(*) FILTER (WHERE occurred_at <= %(cut)s) {_VIEWS} GROUP BY item
"""
_PAIRS = f"""
WITH steps AS (
    SELECT item, occurred_at, lead(item) OVER w AS following, lead(occurred_at) OVER w AS at
    {_VIEWS}
    WINDOW w AS (PARTITION BY profile_id, identity_id ORDER BY occurred_at,
                 coalesce(original_at, occurred_at), message_id COLLATE "C")
)
SELECT item, following, at > %(cut)s AS is_held_out, count(*) FROM steps
WHERE following IS NOT NULL AND at - occurred_at < %(idle)s GROUP BY 1, 2, 3
"""
_ITEMS = f"""
INSERT INTO recommendations_item (site_id, code, category, name, price, seen_at)
SELECT DISTINCT ON (item) %(site)s, item, coalesce(category, ''),
  coalesce(left(properties->>'name', 500), ''), value, occurred_at {_VIEWS}
ORDER BY item, occurred_at DESC
ON CONFLICT (site_id, code) DO UPDATE SET category = excluded.category, name = excluded.name,
  price = excluded.price, seen_at = excluded.seen_at
WHERE recommendations_item.seen_at <= excluded.seen_at
"""
_LISTS = """
INSERT INTO recommendations_itemlist (version_id, item, ranked)
SELECT %s, item, ranked FROM ROWS FROM
  (jsonb_to_recordset(%s::jsonb) AS (item text, ranked jsonb)) WITH ORDINALITY
ORDER BY ordinality
"""


class _Counted(NamedTuple):
    popularity: Counter[str]  # views by item
    popularity_before: Counter[str]  # without the last day
    pairs: list[tuple[str, str, bool, int]]  # item, next item, on the last day, how often


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def train(*, recommender_id: UUID, now: datetime, progress: Progress = silent) -> UUID | None:
    """Learn a new version and make it the active one; its id, None when there is nothing to learn.

    Safe to run twice. The metrics come from a training that did not see the last day: the 24 hours
    before the newest event.
    """
    recommender = Recommender.objects.get(pk=recommender_id)
    problem = problem_of(recommender.purpose)
    if problem is not None:
        progress(3, 3, problem)
        return None
    parameters = _parameters(recommender, now)
    progress(0, 3, "Counting what follows what")
    counted = _count(recommender, parameters)
    if counted is None:
        progress(3, 3, "Nothing to learn from yet")
        return None
    progress(1, 3, "Ranking")
    followers: dict[str, Ranked] = {}
    if recommender.kind == Recommender.Kind.FOLLOWED_BY:
        followers = followers_of(((a, b, n) for a, b, _, n in counted.pairs), counted.popularity)
    popular = ranked(counted.popularity, counted.popularity, POPULAR_LENGTH)
    # The most popular first: a web process that cannot hold every list holds these.
    order = sorted(followers, key=lambda item: (-counted.popularity[item], item))
    rows = [{"item": item, "ranked": followers[item]} for item in order]
    version = RecommenderVersion(
        recommender=recommender,
        trained_at=now,
        since=parameters["since"],
        until=now,
        views=counted.popularity.total(),
        pairs=sum(n for *_, n in counted.pairs),
        popular=popular,
        metrics=_metrics(recommender, counted),
        digest=hashlib.sha256(json.dumps([popular, rows]).encode()).hexdigest(),
    )
    progress(2, 3, "Writing lists")
    _activate(version, rows, parameters)
    progress(3, 3, "Done")
    return version.pk


def _parameters(recommender: Recommender, now: datetime) -> dict[str, Any]:
    return {
        "site": str(recommender.site_id),
        "event": recommender.event_name,
        "since": now - timedelta(days=recommender.window_days),
        "until": now,
        "idle": timedelta(milliseconds=SESSION_IDLE_MS),
    }


def _of(statement: str, recommender: Recommender) -> str:
    """A statement over the views that allow what a recommender is for."""
    purpose = purpose_of(recommender.purpose)
    return statement.format(
        allowed=event_allows("e", purpose),
        willing=sql_stands("s", purpose, vouched=sql_vouched("%(site)s::uuid"), now="now()"),
    )


def _count(recommender: Recommender, parameters: dict[str, Any]) -> _Counted | None:
    """Count views and pairs, and set the moment that divides off the last day. Three statements."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WHOLE)
        cursor.execute(_of(_NEWEST, recommender), parameters)
        (newest,) = cursor.fetchone()
        if newest is None:
            return None
        parameters["cut"] = newest - HELD_OUT
        cursor.execute(_of(_POPULARITY, recommender), parameters)
        rows = cursor.fetchall()
        cursor.execute(_of(_PAIRS, recommender), parameters)
        return _Counted(
            popularity=Counter({item: times for item, times, _ in rows}),
            popularity_before=Counter({item: before for item, _, before in rows if before}),
            pairs=cursor.fetchall(),
        )


def _activate(
    version: RecommenderVersion, rows: list[dict[str, Any]], parameters: dict[str, Any]
) -> None:
    """Store a version with its lists, note the items, serve it, and let old versions go."""
    recommender = version.recommender
    with transaction.atomic(), connection.cursor() as cursor:
        version.save(force_insert=True)
        cursor.execute(_WHOLE)
        cursor.execute(_LISTS, [str(version.pk), json.dumps(rows)])
        cursor.execute(_of(_ITEMS, recommender), parameters)
        Recommender.objects.filter(pk=recommender.pk).update(active=version)
        newest = recommender.versions.order_by("-trained_at").values_list("pk", flat=True)
        recommender.versions.filter(pk__in=list(newest[KEPT_VERSIONS:])).delete()


def _metrics(recommender: Recommender, counted: _Counted) -> dict[str, Any]:
    """Hits among ten on the last day, by lists that did not see it, beside the most popular ten."""
    seen = [(a, b, n) for a, b, is_held_out, n in counted.pairs if not is_held_out]
    unseen = [(a, b, n) for a, b, is_held_out, n in counted.pairs if is_held_out]
    popularity = counted.popularity_before
    popular = ranked(popularity, popularity, POPULAR_LENGTH)
    followers = (
        followers_of(seen, popularity) if recommender.kind == Recommender.Kind.FOLLOWED_BY else {}
    )
    return {
        "held_out_steps": sum(n for *_, n in unseen),
        "hits_at_10": hit_rate(unseen, followers, popular),
        "hits_at_10_popular": hit_rate(unseen, {}, popular),
    }
