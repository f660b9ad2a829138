"""A clock that steps back: who was answered under it ahead of time is answered again."""

import logging
import time
from datetime import datetime, timedelta
from typing import Final

from apps.segments import services as segments
from apps.segments.live import CLOCKS_APART_MS
from apps.work import clock
from apps.work.redis import RedisAway, exchange

logger = logging.getLogger(__name__)

# What the clock showed last, in milliseconds: for the process that comes after this one.
KEY: Final = "a:clock"
KEEP_EVERY_S: Final = 1.0
_STEP = timedelta(milliseconds=CLOCKS_APART_MS)


class ClockWatch:
    """Follows the clock of one process, from where the one before it has left off."""

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._is_followed = False  # what the last process saw has been looked up
        self._kept_at = float("-inf")

    def look(self, now: datetime) -> None:
        """Take the present instant; where it lies well before an earlier one, ask for a refresh.

        Stays of the wrong time would else wait for the person's next event: nothing wakes whoever
        has left a window too early, or has come in by an event that is dated an hour from now.
        """
        is_due = time.monotonic() - self._kept_at >= KEEP_EVERY_S
        if is_due and not self._is_followed:
            self._follow()
        latest = self._latest
        if latest is not None and now < latest - _STEP:
            by_s = (latest - now).total_seconds()
            logger.error("pipeline.clock_stepped_back", extra={"by_s": round(by_s)})
            segments.request_refresh_everywhere(now=now)
            is_due = True
        elif latest is not None and now < latest:
            return
        self._latest = now
        if is_due:
            self._keep(now)

    def _follow(self) -> None:
        try:
            [kept] = exchange(("GET", KEY))
        except RedisAway:
            return
        self._is_followed = True
        if isinstance(kept, bytes):
            before = clock.from_ms(int(kept))
            self._latest = before if self._latest is None else max(before, self._latest)

    def _keep(self, now: datetime) -> None:
        """Without Redis the next process does not know, as before its first start."""
        self._kept_at = time.monotonic()
        if not self._is_followed:
            return  # it would be written over unread
        try:
            exchange(("SET", KEY, clock.to_ms(now)))
        except RedisAway:
            return
