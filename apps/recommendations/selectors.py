"""The lists that decisions serve, in the memory of each web process.

A daemon thread looks once a second whether a recommender has another active version and swaps the
tables; a decision never waits for the database. Only the first decision of a site in a process
loads them itself.
"""

import json
import logging
import threading
from uuid import UUID

from django.db import Error, connection

from apps.recommendations.domain.followers import Ranked

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
MAX_LISTS = 200_000  # per recommender, so that memory stays bounded

FOLLOWED = "followed_by"
POPULAR = "popular"

_ACTIVE = """
SELECT key, active_id FROM recommendations_recommender
WHERE site_id = %s AND is_enabled AND active_id IS NOT NULL ORDER BY key
"""
_LISTS = "SELECT item, ranked::text FROM recommendations_itemlist WHERE version_id = %s LIMIT %s"
_POPULAR = "SELECT popular::text FROM recommendations_recommenderversion WHERE id = %s"


class Table:
    """The lists of one recommender version."""

    __slots__ = ("_followers", "_popular", "version_id")

    def __init__(self, version_id: UUID, followers: dict[str, Ranked], popular: Ranked) -> None:
        self.version_id = version_id
        self._followers = followers
        self._popular = popular

    def lookup(self, item: str | None, count: int) -> list[tuple[str, float, str]]:
        """Return up to `count` (item, score, why): what follows `item`, then what is popular.

        One look-up in memory. An unknown item, or none, gets the popular ones.
        """
        ranking = self._followers.get(item, ()) if item is not None else ()
        found = [(code, score, FOLLOWED) for code, score in ranking[:count]]
        if len(found) < count:
            present = {code for code, _, _ in found}
            for code, score in self._popular:
                if code not in present:
                    found.append((code, score, POPULAR))
                    if len(found) == count:
                        break
        return found

    def has(self, item: str) -> bool:
        """Whether anything was learned to follow an item."""
        return item in self._followers


Tables = dict[str, Table]  # by recommender key

_tables: dict[UUID, Tables] = {}
_watcher: threading.Thread | None = None
_lock = threading.Lock()


def lists_of(site_id: UUID) -> Tables:
    """Return a site's tables by recommender key. No statement once they are loaded."""
    found = _tables.get(site_id)
    if found is None:
        found = refresh(site_id)
        _watch()
    return found


def refresh(site_id: UUID) -> Tables:
    """Load what has changed of a site's tables; what it had when the database is away."""
    known = _tables.get(site_id, {})
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ACTIVE, [str(site_id)])
            active = dict(cursor.fetchall())
        tables = {
            key: known[key]
            if key in known and known[key].version_id == version_id
            else _load(version_id)
            for key, version_id in active.items()
        }
    except Error:
        logger.warning("recommendations.database_away", extra={"site": site_id})
        return known
    _tables[site_id] = tables
    return tables


def forget() -> None:
    """Forget everything loaded: the next decision loads again."""
    _tables.clear()


def _load(version_id: UUID) -> Table:
    with connection.cursor() as cursor:
        cursor.execute(_POPULAR, [str(version_id)])
        row = cursor.fetchone()
        popular = [(code, score) for code, score in json.loads(row[0])] if row else []
        cursor.execute(_LISTS, [str(version_id), MAX_LISTS])
        followers = {
            item: [(code, score) for code, score in json.loads(ranking)]
            for item, ranking in cursor.fetchall()
        }
    return Table(version_id, followers, popular)


def _watch() -> None:
    global _watcher
    with _lock:
        if _watcher is None or not _watcher.is_alive():
            _watcher = threading.Thread(target=_look, name="recommendations", daemon=True)
            _watcher.start()


def _look() -> None:
    pause = threading.Event()
    while not pause.wait(CHECK_EVERY_S):
        for site_id in list(_tables):
            refresh(site_id)
        if connection.connection is not None and not connection.is_usable():
            connection.close()
