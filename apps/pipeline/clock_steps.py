"""A clock that steps back: who was answered under it ahead of time is answered again."""

import logging
from datetime import datetime, timedelta

from apps.segments import services as segments
from apps.segments.live import CLOCKS_APART_MS

logger = logging.getLogger(__name__)

_STEP = timedelta(milliseconds=CLOCKS_APART_MS)


class ClockWatch:
    """Follows the clock of one process."""

    def __init__(self) -> None:
        self._latest: datetime | None = None

    def look(self, now: datetime) -> None:
        """Take the present instant; where it lies well before an earlier one, ask for a refresh.

        Stays of the wrong time would else wait for the person's next event: nothing wakes whoever
        has left a window too early, or has come in by an event that is dated an hour from now.
        """
        latest = self._latest
        if latest is not None and now < latest - _STEP:
            by_s = (latest - now).total_seconds()
            logger.error("pipeline.clock_stepped_back", extra={"by_s": round(by_s)})
            segments.request_refresh_everywhere(now=now)
        elif latest is not None and now < latest:
            return
        self._latest = now
