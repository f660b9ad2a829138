"""How long the work that an event loop takes up now has waited behind other work.

The loop keeps what is ready in a queue that cannot be looked into. A mark put into that queue says
it: what is taken up behind the mark was queued after the mark was, so none of it has waited longer
than since then. One mark is on its way at a time; it costs one entry of the queue a round.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

# With nothing taken up for so long behind the last mark, the loop had nothing to do.
_REST_S = 0.002


class Lateness:
    """Asked by every request when it is taken up; a stopwatch of the queue before it."""

    __slots__ = ("_call_soon", "_clock", "_is_marked", "_marked_at", "_passed_at", "_since")

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], Any],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Take the loop's `call_soon` and a clock in seconds."""
        self._call_soon = call_soon
        self._clock = clock
        self._is_marked = False
        self._marked_at = self._passed_at = self._since = clock()

    def seconds(self) -> float:
        """Return how long the one who asks may have waited, at most."""
        now = self._clock()
        if not self._is_marked:
            if now - self._passed_at > _REST_S:
                self._since = now
            self._is_marked = True
            self._marked_at = now
            self._call_soon(self._pass)
        return now - self._since

    def _pass(self) -> None:
        self._since = self._marked_at
        self._passed_at = self._clock()
        self._is_marked = False
