"""Where events wait for decisions: one of them is let through, then whatever else is ready.

An event loop is first come, first served. Without a queue of their own, a hundred batches of events
that are ready together would all be taken in before the decision that came a moment after them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple


class _Waiting(NamedTuple):
    turn: "asyncio.Future[float]"
    since: float


class Turns:
    """A queue before the loop. Its own work is two entries of the loop's queue for each turn."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Take a clock in seconds."""
        self._clock = clock
        self._queue: deque[_Waiting] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    async def wait(self, late_s: float = 0.0) -> float:
        """Return when it is the caller's turn: how long it waited, with the `late_s` before."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[float] = loop.create_future()
        self._queue.append(_Waiting(turn, self._clock() - late_s))
        if len(self._queue) == 1:
            loop.call_soon(self._next)
        return await turn

    def _next(self) -> None:
        turn, since = self._queue.popleft()
        if not turn.done():  # its client may have left
            turn.set_result(self._clock() - since)
        if self._queue:
            # Behind all that is ready now, and behind the one that was let through.
            asyncio.get_running_loop().call_soon(self._next)
