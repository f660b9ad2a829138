"""The lists that decisions serve, in the memory of each web process.

A daemon thread looks once a second whether a recommender has another active version and swaps the
tables; a decision never waits for the database. Only the first decision of a site in a process
loads them itself.
"""

import json
import logging
import sys
import threading
from array import array
from collections.abc import Mapping
from uuid import UUID

from django.db import Error, connection

from apps.recommendations.domain.followers import Ranked

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
MAX_LISTS = 50_000  # per recommender, the most viewed items': about a kilobyte each

FOLLOWED = "followed_by"
POPULAR = "popular"

_ACTIVE = """
SELECT key, active_id FROM recommendations_recommender
WHERE site_id = %s AND is_enabled AND active_id IS NOT NULL ORDER BY key
"""
_LISTS = """
SELECT item, ranked::text FROM recommendations_itemlist WHERE version_id = %s ORDER BY id LIMIT %s
"""
_POPULAR = "SELECT popular::text FROM recommendations_recommenderversion WHERE id = %s"


class _List:
    """One ranking, small in memory: shared codes, and numbers without an object each."""

    __slots__ = ("codes", "scores")

    def __init__(self, ranking: Ranked) -> None:
        self.codes = tuple(sys.intern(code) for code, _ in ranking)
        self.scores = array("d", [score for _, score in ranking])


_NOTHING = _List([])


class Table:
    """The lists of one recommender version."""

    __slots__ = ("_followers", "_popular", "version_id")

    def __init__(self, version_id: UUID, followers: Mapping[str, Ranked], popular: Ranked) -> None:
        self.version_id = version_id
        self._followers = {item: _List(ranking) for item, ranking in followers.items()}
        self._popular = _List(popular)

    def lookup(self, item: str | None, count: int) -> list[tuple[str, float, str]]:
        """Return up to `count` (item, score, why): what follows `item`, then what is popular.

        One look-up in memory. An unknown item, or none, gets the popular ones. The score is the
        item's share: of what follows, or of all views.
        """
        known = self._followers.get(item, _NOTHING) if item is not None else _NOTHING
        codes = known.codes[:count]
        found = [(code, score, FOLLOWED) for code, score in zip(codes, known.scores, strict=False)]
        if len(found) < count:
            for code, score in zip(self._popular.codes, self._popular.scores, strict=True):
                if code not in codes:
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
_stop = threading.Event()
_lock = threading.Lock()


def lists_of(site_id: UUID) -> Tables:
    """Return a site's tables by recommender key. No statement once they are loaded."""
    found = _tables.get(site_id)
    if found is None:
        found = refresh(site_id)
        _watch()
    return found


def refresh(site_id: UUID) -> Tables:
    """Load what has changed of a site's tables; what it had when the database is away.

    A failure is remembered as "nothing yet": decisions must not wait for a database that is away
    one after the other. The watcher asks again a second later.
    """
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
        connection.close_if_unusable_or_obsolete()
        return _tables.setdefault(site_id, known)
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
