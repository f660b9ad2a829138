"""What this process has read of people on whom segments look further back than their row goes.

Whoever does a lot (a crawler, a shared device) would otherwise have all of it read anew with each
of his events. What was read holds as long as nobody else writes the row, which its version tells;
the events that this process folds itself are added.
"""

import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple
from uuid import UUID

from apps.events import history
from apps.events.history import History, Properties
from engine.facts import Happening

MOST_EVENTS: Final = 500_000  # of all people together; some 50 bytes each
# A read of fewer costs less than keeping them.
LEAST_EVENTS: Final = 200
# Retention takes events away and writes no row.
LONGEST_S: Final = 300.0


class _Kept(NamedTuple):
    """What was read of one person.

    Attributes:
        version: of the row that the events stand beside.
        names: events of these names only; None: all.
        since_ms: from then on; None: from the beginning.
        until_s: time.monotonic() until which it may be used.
    """

    version: int
    properties: Properties
    names: frozenset[str] | None
    since_ms: int | None
    until_s: float
    history: History

    def has(
        self, properties: Properties, names: frozenset[str] | None, since_ms: int | None
    ) -> bool:
        """Whether nothing that is asked for is missing."""
        return (
            self.properties == properties
            and (self.names is None or (names is not None and names <= self.names))
            and (self.since_ms is None or (since_ms is not None and since_ms >= self.since_ms))
        )


class FarHistory:
    """Reads one person's events while a batch is folded."""

    def __init__(self, profile_id: UUID, version: int) -> None:
        self._profile_id, self._version = profile_id, version
        self._read: _Kept | None = None
        self.news: list[Happening] = []  # that this batch brought, in total order
        self.is_extended = True  # by `news` alone, since the row had its version

    def load(
        self,
        profile_id: UUID,
        properties: Properties,
        *,
        since_ms: int | None,
        limit: int | None,
        names: Collection[str] | None = None,
    ) -> History:
        """As `events.history.load`; there may be more in it than was asked for."""
        asked = None if names is None else frozenset(names)
        known = _take(profile_id, self._version)
        if known is not None:
            if self.is_extended and known.has(properties, asked, since_ms):
                fresh = [n for n in self.news if known.names is None or n.name in known.names]
                if known.history.add(fresh):
                    self._read = known
                    return known.history
            # What is asked now and then is read together, or the one would throw out the other.
            asked = None if asked is None or known.names is None else asked | known.names
        loaded = history.load(profile_id, properties, since_ms=since_ms, limit=limit, names=asked)
        if LEAST_EVENTS <= len(loaded.times) < (limit or MOST_EVENTS):
            until_s = time.monotonic() + LONGEST_S
            self._read = _Kept(0, properties, asked, since_ms, until_s, loaded)
        return loaded

    def remember(self, version: int) -> None:
        """Keep what was read: the row has been committed with this version."""
        if self._read is not None:
            self._read.history.let_go()
            _keep(self._profile_id, self._read._replace(version=version))

    @property
    def has_read(self) -> bool:
        """Whether there is something to remember."""
        return self._read is not None


_kept: Final[OrderedDict[UUID, _Kept]] = OrderedDict()
_count = 0


def _take(profile_id: UUID, version: int) -> _Kept | None:
    """Whoever takes it may change it; a fold that fails has lost it, and reads again."""
    global _count
    known = _kept.pop(profile_id, None)
    if known is None:
        return None
    _count -= len(known.history.times)
    return known if known.version == version and time.monotonic() < known.until_s else None


def _keep(profile_id: UUID, known: _Kept) -> None:
    global _count
    _take(profile_id, -1)
    _kept[profile_id] = known
    _count += len(known.history.times)
    while _count > MOST_EVENTS:
        _, oldest = _kept.popitem(last=False)
        _count -= len(oldest.history.times)


def forget() -> None:
    """Forget everybody (tests)."""
    global _count
    _kept.clear()
    _count = 0
