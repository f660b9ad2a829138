"""Lists for everybody at once, for e-mail: only where a recommender asks for them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from apps.recommendations.everybody import lists_of
from apps.recommendations.methods import Learned
from apps.recommendations.models import PersonList, Recommender, RecommenderVersion
from apps.recommendations.reading import Read
from apps.recommendations.statements import of, parameters_of

# Asked again, under the row's lock, of everybody who gets a list: a no may have come meanwhile, and
# whoever writes one deletes lists under that lock. A list of a training that began later stays.
_WRITE = """
INSERT INTO recommendations_personlist (profile_id, recommender_id, version_id, items, as_of)
SELECT s.profile_id, %(recommender)s, %(version)s, one.items, %(now)s
FROM profiles_profilestate s
JOIN jsonb_to_recordset(%(rows)s::jsonb) AS one(profile uuid, items jsonb)
  ON one.profile = s.profile_id
WHERE s.site_id = %(site)s AND {willing}
ORDER BY s.profile_id FOR SHARE OF s
ON CONFLICT (profile_id, recommender_id) DO UPDATE
SET version_id = excluded.version_id, items = excluded.items, as_of = excluded.as_of
WHERE recommendations_personlist.as_of <= excluded.as_of
"""
# What events call an item, in the order in which intake asks: `apps.events.fold` has the same.
ITEM_KEYS: Final = ("product_id", "sku", "item_id", "content_id", "article_id")
_NAMED: Final = ", ".join(f"nullif(line ->> '{key}', '')" for key in ITEM_KEYS)
_BOUGHT: Final = f"""
SELECT DISTINCT e.profile_id::text, code FROM events_event e
CROSS JOIN LATERAL (
  SELECT e.item AS code WHERE e.item IS NOT NULL
  UNION ALL
  SELECT left(coalesce({_NAMED}), 500)
  FROM jsonb_array_elements(CASE WHEN jsonb_typeof(e.properties -> 'products') = 'array'
    THEN e.properties -> 'products' ELSE '[]' END) AS line
  WHERE jsonb_typeof(line) = 'object'
) AS bought
WHERE e.site_id = %(site)s AND e.name = %(bought)s AND e.occurred_at > %(bought_since)s
  AND e.occurred_at <= %(until)s AND code IS NOT NULL
"""


def refresh(
    recommender: Recommender,
    version: RecommenderVersion,
    known: Read,
    learned: Learned,
    *,
    now: datetime,
) -> int:
    """Write everybody's list anew, and delete those of whom nothing is known any more.

    Listed are offered items, without what the filters leave out: what was bought, and what was met.
    Whether somebody is in a segment is asked when a list is used, not here. Where the recommender
    keeps none, those of before are deleted.

    Returns:
        how many lists there are now.
    """
    if not recommender.per_person:
        PersonList.objects.filter(recommender=recommender).delete()
        return 0
    left_out = _left_out(recommender, known, now)
    count = 0
    found = lists_of(
        known.seen,
        known.facts,
        learned,
        as_of_s=known.until.timestamp(),
        diversity=recommender.diversity,
        leaves_seen_out=bool(recommender.filters.get("seen", False)),
        left_out=left_out,
    )
    for people, lists in found:
        rows = [
            {"profile": str(known.people[person]), "items": items}
            for person, items in zip(people, lists, strict=True)
            if items
        ]
        count += _write(recommender, version, rows, now)
    PersonList.objects.filter(recommender=recommender, as_of__lt=now).delete()
    return count


def _write(
    recommender: Recommender, version: RecommenderVersion, rows: list[Any], now: datetime
) -> int:
    given = parameters_of(recommender, now) | {
        "recommender": str(recommender.pk),
        "version": str(version.pk),
        "rows": json.dumps(rows),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(of(_WRITE, recommender), given)
        return int(cursor.rowcount)


def _left_out(recommender: Recommender, known: Read, now: datetime) -> Mapping[int, frozenset[str]]:
    """What each person, by place, has bought within the days of the filter."""
    days = recommender.filters.get("bought", False)
    if not days or not recommender.bought_event:
        return {}
    given = parameters_of(recommender, now) | {
        "bought": recommender.bought_event,
        "bought_since": now - timedelta(days=float(days)),
    }
    places = {str(one): place for place, one in enumerate(known.people)}
    found: dict[int, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BOUGHT, given)
        for profile, code in cursor.fetchall():
            if profile in places:
                found.setdefault(places[profile], set()).add(code)
    return {place: frozenset(codes) for place, codes in found.items()}
