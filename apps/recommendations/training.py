"""Learning what follows what: two passes over a site's interest events, nothing else.

A pair is two consecutive interest events of one device less than a session's idle time apart.
Nothing is learned from events that do not allow personalization.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.consent.types import Purpose
from apps.recommendations.domain.followers import Ranked, followers_of, hit_rate, ranked
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.work.services import Work
from engine.facts import SESSION_IDLE_MS

KEPT_VERSIONS = 3
POPULAR_LENGTH = 200
HELD_OUT = timedelta(days=1)

_VIEWS = """
FROM events_event WHERE site_id = %(site)s AND name = %(event)s AND item IS NOT NULL
  AND occurred_at > %(since)s AND occurred_at <= %(until)s AND (purposes & %(purpose)s) <> 0
"""
_POPULARITY = f"SELECT item, count(*) {_VIEWS} GROUP BY item"
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
"""
_LISTS = """
INSERT INTO recommendations_itemlist (version_id, item, ranked)
SELECT %s, item, ranked FROM jsonb_to_recordset(%s::jsonb) AS r(item text, ranked jsonb)
"""


def train(*, recommender_id: UUID, now: datetime, progress: Work | None = None) -> UUID | None:
    """Learn a new version and make it the active one; its id, None when there is nothing to learn.

    Safe to run twice. The metrics come from a training that did not see the last day.
    """
    recommender = Recommender.objects.get(pk=recommender_id)
    tell = progress.progress if progress is not None else _silent
    since = now - timedelta(days=recommender.window_days)
    parameters: dict[str, Any] = {
        "site": str(recommender.site_id),
        "event": recommender.event_name,
        "since": since,
        "until": now,
        "cut": now - HELD_OUT,
        "purpose": int(Purpose.PERSONALIZATION),
        "idle": timedelta(milliseconds=SESSION_IDLE_MS),
    }
    tell(0, 3, "Counting what follows what")
    with connection.cursor() as cursor:
        cursor.execute(_POPULARITY, parameters)
        popularity = Counter(dict(cursor.fetchall()))
        cursor.execute(_PAIRS, parameters)
        pairs = cursor.fetchall()
    if not popularity:
        return None
    tell(1, 3, "Ranking")
    followers = {}
    if recommender.kind == Recommender.Kind.FOLLOWED_BY:
        followers = followers_of(((a, b, n) for a, b, _, n in pairs), popularity)
    version = RecommenderVersion(
        recommender=recommender,
        trained_at=now,
        since=since,
        until=now,
        views=popularity.total(),
        pairs=sum(n for *_, n in pairs),
        popular=ranked(popularity, popularity, POPULAR_LENGTH),
        metrics=_metrics(recommender, pairs),
    )
    tell(2, 3, "Writing lists")
    _activate(version, followers, parameters)
    tell(3, 3, "Done")
    return version.pk


def _activate(
    version: RecommenderVersion, followers: Mapping[str, Ranked], parameters: dict[str, Any]
) -> None:
    """Store a version with its lists, note the items, serve it, and let old versions go."""
    recommender = version.recommender
    rows = [{"item": item, "ranked": ranking} for item, ranking in followers.items()]
    with transaction.atomic(), connection.cursor() as cursor:
        version.save(force_insert=True)
        cursor.execute(_LISTS, [str(version.pk), json.dumps(rows)])
        cursor.execute(_ITEMS, parameters)
        Recommender.objects.filter(pk=recommender.pk).update(active=version)
        newest = recommender.versions.order_by("-trained_at").values_list("pk", flat=True)
        recommender.versions.filter(pk__in=list(newest[KEPT_VERSIONS:])).delete()


def _metrics(recommender: Recommender, pairs: list[tuple[str, str, bool, int]]) -> dict[str, Any]:
    """Hits among ten on the last day, by lists that did not see it, beside the most popular ten."""
    seen = [(a, b, n) for a, b, is_held_out, n in pairs if not is_held_out]
    unseen = [(a, b, n) for a, b, is_held_out, n in pairs if is_held_out]
    popularity: Counter[str] = Counter()
    for _, item, times in seen:
        popularity[item] += times
    popular = ranked(popularity, popularity, POPULAR_LENGTH) if popularity else []
    followers = (
        followers_of(seen, popularity) if recommender.kind == Recommender.Kind.FOLLOWED_BY else {}
    )
    return {
        "held_out_steps": sum(n for *_, n in unseen),
        "hits_at_10": hit_rate(unseen, followers, popular),
        "hits_at_10_popular": hit_rate(unseen, {}, popular),
    }


def _silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""
