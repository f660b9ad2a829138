"""The lists that decisions serve, in the memory of each web process.

A daemon thread looks once a second whether a recommender has another active version and swaps the
tables; a decision never waits for the database. Only the first decision of a site in a process
loads them itself.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import Error, connection

from apps.consent.declared import problem_of, purpose_of
from apps.recommendations import choosing
from apps.recommendations.catalogue import withheld
from apps.recommendations.choosing import (
    EXPLORING,
    OLDER,
    PERSONAL,
    POPULAR,
    WORDS,
    Chosen,
    Kept,
    kept_from,
)
from apps.recommendations.domain.older_items import EVERYTHING, joined, noted
from apps.recommendations.tables import Catalogue, Learned, Row, Settings, Table

__all__ = [
    "EVERYTHING",
    "EXPLORING",
    "OLDER",
    "PERSONAL",
    "POPULAR",
    "WORDS",
    "Chosen",
    "Kept",
    "OwnList",
    "Settings",
    "Table",
    "Tables",
    "forget",
    "forget_bought",
    "joined",
    "kept_from",
    "lists_of",
    "lists_of_person",
    "noted",
    "purchases_wanted",
    "refresh",
    "stop",
]

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
KEPT_S = 2.0  # what is asked of the database in the middle of other work is believed for so long
MAX_LISTS = 50_000  # per recommender, the most viewed items': about a kilobyte each

_ACTIVE = """
SELECT key, active_id, purpose, filters::text, diversity, exploration, catalogue_at, per_person
FROM recommendations_recommender
WHERE site_id = %s AND is_enabled AND active_id IS NOT NULL ORDER BY key
"""
_OF_PERSON = """
SELECT r.key, l.items::text, (extract(epoch FROM l.as_of) * 1000)::int8
FROM recommendations_personlist l JOIN recommendations_recommender r ON r.id = l.recommender_id
WHERE r.site_id = %s AND l.profile_id = %s AND r.is_enabled AND r.per_person
"""
_BOUGHT = """
SELECT bought_event, (filters->>'bought')::float8 FROM recommendations_recommender
WHERE site_id = %s AND is_enabled AND bought_event <> ''
  AND jsonb_typeof(filters->'bought') = 'number'
"""
_LISTS = """
SELECT item, previous, method, ranked::text, vector::text FROM recommendations_itemlist
WHERE version_id = %s ORDER BY id LIMIT %s
"""
_VERSION = """
SELECT popular::text, method, params::text FROM recommendations_recommenderversion WHERE id = %s
"""
# Of which category an item is, as far as filters ask: these hold for every item there is.
_NAMED = """
SELECT code, category FROM recommendations_item WHERE site_id = %s AND category = ANY(%s)
"""
# And as far as lists are mixed by it.
_SORTS = """
SELECT code, category FROM recommendations_item i
JOIN recommendations_itemlist l ON l.version_id = %s AND l.item = i.code AND l.previous = ''
WHERE i.site_id = %s AND i.category <> ''
"""


Tables = Mapping[str, Table]  # by recommender key


class Wanted(NamedTuple):
    """Which purchases are asked for: the events that tell of them; how long they matter, in days.

    No name: none is asked for.
    """

    names: frozenset[str]
    days: float


class OwnList(NamedTuple):
    """What was chosen for one person beforehand: (item, score, why), as of Unix ms."""

    items: list[tuple[str, float, str]]
    as_of_ms: int


class _Active(NamedTuple):
    """A recommender that serves, as its row says it. What differs makes another table."""

    version_id: UUID
    purpose: str
    filters: str
    diversity: float
    exploration: float
    catalogue_at: Any
    per_person: bool


_bought: Final[dict[UUID, tuple[float, Any, Wanted]]] = {}
_said: Final[dict[UUID, dict[str, _Active]]] = {}  # what the tables in memory were made of

_tables: dict[UUID, dict[str, Table]] = {}
_watcher: threading.Thread | None = None
_stop = threading.Event()
_lock = threading.Lock()


def lists_of(site_id: UUID) -> Tables:
    """Return a site's tables by recommender key. No statement once they are loaded."""
    found: Tables | None = _tables.get(site_id)
    if found is None:
        found = refresh(site_id)
        _watch()
    return found


def refresh(site_id: UUID) -> Tables:
    """Load what has changed of a site's tables; what it had when the database is away.

    A failure is remembered as "nothing yet": decisions must not wait for a database that is away
    one after the other. The watcher asks again a second later.
    """
    known, said = _tables.get(site_id, {}), _said.get(site_id, {})
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ACTIVE, [str(site_id)])
            active = {key: _Active(*row) for key, *row in cursor.fetchall()}
        tables = {}
        for key, one in active.items():
            is_same = key in known and said.get(key) == one
            table = known[key] if is_same else _made(site_id, key, one, known.get(key))
            if table is not None:
                tables[key] = table
    except Error:
        logger.warning("recommendations.database_away", extra={"site": site_id})
        connection.close_if_unusable_or_obsolete()
        return _tables.setdefault(site_id, known)
    _tables[site_id], _said[site_id] = tables, active
    return tables


def lists_of_person(site_id: UUID, profile_id: UUID) -> dict[str, OwnList]:
    """Return the lists that were made for one person beforehand, by recommender.

    One statement where a recommender of the site makes any, else none. While the database is away
    nobody has one: lists are made at the moment of asking then.
    """
    if not any(table.settings.per_person for table in lists_of(site_id).values()):
        return {}
    try:
        with connection.cursor() as cursor:
            cursor.execute(_OF_PERSON, [str(site_id), str(profile_id)])
            rows = cursor.fetchall()
    except Error:
        logger.warning("recommendations.database_away", extra={"site": site_id})
        connection.close_if_unusable_or_obsolete()
        return {}
    return {
        key: OwnList([(code, score, why) for code, score, why in json.loads(items)], as_of_ms)
        for key, items, as_of_ms in rows
    }


def purchases_wanted(site_id: UUID) -> Wanted:
    """Return which purchases the recommenders of a site ask for.

    One statement, at most every KEPT_S seconds.
    """
    now, database = time.monotonic(), connection.settings_dict["NAME"]
    kept = _bought.get(site_id)
    if kept is not None and kept[0] > now and kept[1] == database:
        return kept[2]
    with connection.cursor() as cursor:
        cursor.execute(_BOUGHT, [str(site_id)])
        rows = cursor.fetchall()
    found = Wanted(frozenset(name for name, _ in rows), max((days for _, days in rows), default=0))
    _bought[site_id] = (now + KEPT_S, database, found)
    return found


def forget_bought() -> None:
    """Have the next question read the database: a recommender was saved."""
    _bought.clear()


def forget() -> None:
    """Forget everything loaded: the next decision loads again."""
    _tables.clear()
    _said.clear()
    _bought.clear()


def _made(site_id: UUID, key: str, one: _Active, before: Table | None) -> Table | None:
    """The table of a recommender; None where its filters cannot be read: it may not serve then."""
    try:
        filters = choosing.parsed(json.loads(one.filters))
    except ValueError as error:
        extra = {"site": site_id, "recommender": key, "why": str(error)}
        logger.error("recommendations.filters_unreadable", extra=extra)
        return None
    settings = Settings(
        0 if problem_of(one.purpose) is not None else int(purpose_of(one.purpose)),
        filters,
        one.diversity,
        one.exploration,
        one.catalogue_at,
        one.per_person,
    )
    # Lists are large: those of the same training stay.
    is_trained_anew = before is None or before.version_id != one.version_id
    learned = _learned(one.version_id) if is_trained_anew or before is None else before.learned
    catalogue = _catalogue(site_id, one.version_id, learned, settings)
    return Table(one.version_id, learned=learned, settings=settings, catalogue=catalogue)


def _learned(version_id: UUID) -> Learned:
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, [str(version_id)])
        row = cursor.fetchone() or ("[]", "followed_by", "{}")
        cursor.execute(_LISTS, [str(version_id), MAX_LISTS])
        rows = [
            Row(item, previous, method, json.loads(ranked), vector and json.loads(vector))
            for item, previous, method, ranked, vector in cursor.fetchall()
        ]
    popular = [(code, score) for code, score in json.loads(row[0])]
    return Learned(rows, popular, row[1], json.loads(row[2]))


def _catalogue(site_id: UUID, version_id: UUID, learned: Learned, settings: Settings) -> Catalogue:
    named, sorts = {}, {}
    categories = settings.filters.categories
    with connection.cursor() as cursor:
        if categories:
            cursor.execute(_NAMED, [str(site_id), sorted(categories)])
            named = dict(cursor.fetchall())
        if settings.diversity > 0 and learned.is_summed:
            cursor.execute(_SORTS, [str(version_id), str(site_id)])
            sorts = dict(cursor.fetchall())
    return Catalogue(withheld(site_id), named, sorts)


def _watch() -> None:
    global _watcher
    with _lock:
        if _watcher is None or not _watcher.is_alive():
            _watcher = threading.Thread(target=_look, name="recommendations", daemon=True)
            _watcher.start()


def stop() -> None:
    """End the thread and its connection (tests, so that their database can be dropped)."""
    global _watcher
    with _lock:
        thread, _watcher = _watcher, None
    if thread is not None:
        _stop.set()
        thread.join()
        _stop.clear()


def _look() -> None:
    while not _stop.wait(CHECK_EVERY_S):
        for site_id in list(_tables):
            try:
                refresh(site_id)
            except Exception:  # this thread is the only one that looks
                logger.exception("recommendations.refresh_failed", extra={"site": site_id})
    connection.close()
