"""Reading what people met, once for everything that learns from it.

Nothing is read of events that do not allow what the recommender is for, nor of whom it does not
stand now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from apps.recommendations.domain.seen import ItemFacts, Seen
from apps.recommendations.models import Recommender
from apps.recommendations.statements import TAUGHT, VIEWS, of, parameters_of, weights_of

MOST_EVENTS: Final = 4_000_000  # the newest; 120 MB in memory
MOST_OF_ONE: Final = 2_000  # of one person, where there are more than MOST_EVENTS
MOST_ITEMS: Final = 200_000
AT_ONCE: Final = 50_000

# Every view is read once. Of tables that have just been filled the planner knows nothing yet and
# would look through all people for each of them.
_WHOLE: Final = "SET LOCAL enable_nestloop = off"
_COUNT = f"SELECT count(*) {TAUGHT}"
_FROM_WHEN = f"""
SELECT occurred_at FROM (
  SELECT occurred_at, row_number() OVER (PARTITION BY profile_id ORDER BY occurred_at DESC) AS n
  {TAUGHT}) AS one WHERE n <= %(most_of_one)s ORDER BY occurred_at DESC OFFSET %(most)s LIMIT 1
"""
_READ = f"""
SELECT profile_id::text, identity_id, item, array_position(%(names)s, name),
  extract(epoch FROM occurred_at)::float8 {TAUGHT}
ORDER BY profile_id, identity_id, occurred_at, coalesce(original_at, occurred_at),
  message_id COLLATE "C"
"""
_ITEMS = f"""
INSERT INTO recommendations_item (site_id, code, category, name, price, seen_at, first_seen_at,
  is_available, url, image, words, source)
SELECT DISTINCT ON (item) %(site)s, item, coalesce(category, ''),
  coalesce(left(properties->>'name', 500), ''), value, occurred_at,
  min(occurred_at) OVER (PARTITION BY item), true, '', '', '', 'events' {VIEWS}
ORDER BY item, occurred_at DESC
ON CONFLICT (site_id, code) DO UPDATE SET seen_at = excluded.seen_at,
  first_seen_at = least(recommendations_item.first_seen_at, excluded.first_seen_at),
  category = CASE WHEN recommendations_item.source = 'import'
    THEN recommendations_item.category ELSE excluded.category END,
  name = CASE WHEN recommendations_item.source = 'import'
    THEN recommendations_item.name ELSE excluded.name END,
  price = CASE WHEN recommendations_item.source = 'import'
    THEN recommendations_item.price ELSE excluded.price END
WHERE recommendations_item.seen_at <= excluded.seen_at
"""
_FACTS = """
SELECT code, category, concat_ws(' ', words, lower(name)), price,
  extract(epoch FROM first_seen_at)::float8, is_available AND stock IS DISTINCT FROM 0
FROM recommendations_item WHERE site_id = %s ORDER BY seen_at DESC, code LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a site, as of a moment.

    Attributes:
        since: from when on; later than asked where there was too much.
        people: the profiles, by their place in `seen`.
        facts: of items, by code.
    """

    seen: Seen
    since: datetime
    until: datetime
    facts: Mapping[str, ItemFacts]
    people: list[UUID] = field(repr=False, default_factory=list)


def read(recommender: Recommender, now: datetime) -> Read:
    """Read what was met in the recommender's window, and what is known of the items.

    Notes items that events have brought first. Where there are more than MOST_EVENTS the newest are
    read, so memory stays bounded.
    """
    given = parameters_of(recommender, now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WHOLE)
        cursor.execute(of(_COUNT, recommender), given)
        (count,) = cursor.fetchone()
        if count > MOST_EVENTS:
            most = {"most": MOST_EVENTS, "most_of_one": MOST_OF_ONE}
            cursor.execute(of(_FROM_WHEN, recommender), given | most)
            row = cursor.fetchone()
            given["since"] = given["since"] if row is None else row[0]
        if count:
            cursor.execute(of(_ITEMS, recommender), given)
        facts = _facts(cursor, recommender.site_id)
        seen, people = _rows(recommender, given, facts)
    return Read(seen, given["since"], now, facts, people)


def _facts(cursor: Any, site_id: UUID) -> dict[str, ItemFacts]:
    cursor.execute(_FACTS, [str(site_id), MOST_ITEMS])
    return {
        code: ItemFacts(category, words.strip(), price, first, is_offered)
        for code, category, words, price, first, is_offered in cursor.fetchall()
    }


def _rows(
    recommender: Recommender, given: Mapping[str, Any], facts: Mapping[str, ItemFacts]
) -> tuple[Seen, list[UUID]]:
    names = given["names"]
    weights = np.array([weights_of(recommender)[name] for name in names])
    step = names.index(recommender.event_name)
    people: list[UUID] = []
    places: dict[str, int] = {}
    parts: list[tuple[Any, ...]] = []
    newest, of_one = "", 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(of(_READ, recommender), given)
        while rows := cursor.fetchmany(AT_ONCE):
            person = np.empty(len(rows), np.int32)
            item = np.empty(len(rows), np.int32)
            for number, (profile, _, code, _, _) in enumerate(rows):
                if profile != newest:
                    newest, of_one = profile, len(people)
                    people.append(UUID(profile))
                person[number] = of_one
                item[number] = places.setdefault(code, len(places))
            _, device, _, name, at = zip(*rows, strict=True)
            parts.append(
                (person, np.array(device, np.int64), item, np.array(at, np.float64),
                 np.array(name, np.int32) - 1)
            )  # fmt: skip
    codes = sorted({*places, *facts})
    return _seen(parts, places, codes, weights, step, len(people)), people


def _seen(
    parts: list[tuple[Any, ...]],
    places: Mapping[str, int],
    codes: list[str],
    weights: Any,
    step: int,
    people: int,
) -> Seen:
    if not parts:
        none = np.zeros(0, np.int32)
        empty = np.zeros(0)
        return Seen(none, none, none, empty, empty, np.zeros(0, bool), codes, 0)
    person, device, item, at, name = (np.concatenate(own) for own in zip(*parts, strict=True))
    order = {code: place for place, code in enumerate(codes)}
    sorted_place = np.array([order[code] for code in places], np.int32)
    _, devices = np.unique(device, return_inverse=True)
    return Seen(
        person, devices.astype(np.int32), sorted_place[item], at, weights[name], name == step,
        codes, people,
    )  # fmt: skip
