"""The process's map from a key's digest to its caller: no Postgres on a hit, no key unbounded.

Every write of this app sets a new access number in Redis (`announce`). A process asks for the
number four times a second; entries loaded under another number are read again, and so is any entry
older than two seconds, because an announcement is lost when Redis is away.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from apps.access import selectors
from apps.access.errors import Unavailable
from apps.access.limits import enforce_unknown
from apps.access.types import Origins
from apps.work import record_watch
from apps.work.clock import to_ms
from apps.work.database import drop_if_broken
from apps.work.redis import RedisAway, exchange

NUMBER_KEY: Final = "attune:access"
CHECK_S: Final = 0.25
FRESH_S: Final = 2.0
RETRY_S: Final = 1.0
MAX_KNOWN: Final = 10_000
MAX_UNKNOWN: Final = 1_000


@dataclass(slots=True)
class KnownKey:
    """One loaded key. `fields` are `Caller`'s up to `origin`, `terms` those after `region`; times
    are time.monotonic()."""

    fields: tuple[Any, ...]
    terms: tuple[Any, ...]
    kind: str
    origins: Origins
    expires_ms: int | None
    number: bytes | None
    fresh_until: float


class KeyMap:
    """Digests (hex) to keys. Reads need no lock; loading one key twice at once is harmless."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, KnownKey] = {}
        self._unknown: dict[str, float] = {}
        self._number: bytes | None = None
        self._check_at = 0.0
        self._all_origins: tuple[Origins, float] | None = None

    def get(self, digest: str, meta: Mapping[str, Any] | None = None) -> KnownKey | None:
        """Return the key of the digest; None when there is none (expiry is the caller's to judge).

        Args:
            meta: of the request that names the key. Its address is charged when the key is not in
                memory: names that nobody knows would be a statement each.

        Raises:
            RateLimited: that address has named too many.
            Unavailable: it is not in memory and Postgres is away.
        """
        now = time.monotonic()
        if now >= self._check_at:
            self._check_number(now)
        known = self._known.get(digest)
        if known is not None and now < known.fresh_until and known.number == self._number:
            return known
        if known is None and now < self._unknown.get(digest, 0.0):
            return None
        if known is None and meta is not None:
            enforce_unknown(meta)
        return self._load(digest, known, now)

    def is_known_origin(self, origin: str) -> bool:
        """Tell whether any source allows this origin; with Postgres away, by what was last read."""
        now = time.monotonic()
        kept = self._all_origins
        if kept is None or now >= kept[1]:
            try:
                record_watch.require()
                kept = (selectors.origins_of_all_sources(), now + FRESH_S)
            except (OperationalError, InterfaceError):
                drop_if_broken()
                kept = (kept[0] if kept else Origins([]), now + RETRY_S)
            self._all_origins = kept
        return origin in kept[0]

    def forget(self) -> None:
        """Read everything again at the next use."""
        with self._lock:
            self._known.clear()
            self._unknown.clear()
            self._all_origins = None
            self._check_at = 0.0

    def _check_number(self, now: float) -> None:
        self._check_at = now + CHECK_S
        try:
            number = exchange(("GET", NUMBER_KEY))[0]
        except RedisAway:
            return
        if number != self._number:
            self._number = number if isinstance(number, bytes) else None
            self._unknown.clear()
            self._all_origins = None

    def _load(self, digest: str, old: KnownKey | None, now: float) -> KnownKey | None:
        number = self._number
        try:
            record_watch.require()
            row = selectors.key_by_digest(digest)
        except (OperationalError, InterfaceError):
            drop_if_broken()
            if old is None:
                raise Unavailable() from None
            # Nothing can be revoked while the record is away, so the old answer still holds.
            old.fresh_until, old.number = now + RETRY_S, number
            return old
        if row is None:
            self._known.pop(digest, None)
            self._remember_unknown(digest, now)
            return None
        known = KnownKey(
            fields=row.fields,
            terms=row.terms,
            kind=row.fields[4],
            origins=row.origins,
            expires_ms=None if row.expires_at is None else to_ms(row.expires_at),
            number=number,
            fresh_until=now + FRESH_S,
        )
        with self._lock:
            if len(self._known) >= MAX_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[digest] = known
        return known

    def _remember_unknown(self, digest: str, now: float) -> None:
        with self._lock:
            if len(self._unknown) >= MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[digest] = now + FRESH_S


KEYS: Final = KeyMap()


def announce() -> None:
    """Tell every process that something has changed: this one now, others within 0.25 s."""
    KEYS.forget()
    try:
        exchange(("INCR", NUMBER_KEY))
    except RedisAway:
        return  # the two-second limit does it
