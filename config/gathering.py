"""Calls that meet are worked on together, by one thread beside the event loop.

While the thread works on some, those that come in meanwhile gather, and are its next work. So a
call alone waits for nobody, and the more there are the more of them share what is done once for
all: a commit, above all. The loop goes on with decisions while the thread waits for the database.

Senders of one event after the other come again as soon as they are answered. After a group the
thread therefore rests, as long as the group took and a few milliseconds at most, for as many to be
there again: otherwise they part into a few who wait for many, and many who wait for few.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar

from apps.access.errors import Unavailable
from config import lock_waits

Call = TypeVar("Call")
Outcome = TypeVar("Outcome")

MOST_CALLS: Final = 64
MOST_BYTES: Final = 400_000
REST_SHARE: Final = 1.0
MOST_REST_S: Final = 0.003
# How long a statement may wait for a row that somebody holds: everybody's events wait with it.
LOCK_S: Final = 0.25


class _Waiting(NamedTuple, Generic[Call, Outcome]):
    call: Call
    size: int
    since: float
    outcome: "asyncio.Future[Outcome]"


class Gathering(Generic[Call, Outcome]):
    """Used from one event loop; what it is given to do runs on a thread of its own."""

    def __init__(
        self,
        work: Callable[[Sequence[Call]], Sequence[Outcome]],
        *,
        most_calls: int = MOST_CALLS,
    ) -> None:
        """Take what is done with calls: it returns an outcome for each, in order."""
        self._work = work
        self._most_calls = most_calls  # together
        self._waiting: deque[_Waiting[Call, Outcome]] = deque()
        self._is_working = False
        self._is_due = False  # something is on its way that will hand over
        self._rest: asyncio.TimerHandle | None = None  # what ends the rest
        self._expected = 0  # so many may be there again ...
        self._rests_until = 0.0  # ... by then
        self._thread: threading.Thread | None = None
        self._groups: SimpleQueue[list[_Waiting[Call, Outcome]]] = SimpleQueue()

    def waited_s(self) -> float:
        """Return how long the first of those that still gather has waited."""
        return monotonic() - self._waiting[0].since if self._waiting else 0.0

    async def outcome(self, call: Call, size: int) -> Outcome:
        """Return what became of a call of so many bytes.

        Raises:
            Unavailable: there is no thread to be had.
            Exception: what the work raised; it is raised for all that were worked on together.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(call, size, monotonic(), outcome))
        if not self._is_working and not self._is_due:
            self._is_due = True
            loop.call_soon(self._consider, loop)  # behind all that is ready now
        elif self._rest is not None and len(self._waiting) >= self._expected:
            self._rest.cancel()
            self._hand_over(loop)
        return await outcome

    def _consider(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what has gathered, or wait for those who may come again."""
        left_s = self._rests_until - monotonic()
        if left_s > 0 and len(self._waiting) < self._expected:
            self._rest = loop.call_later(left_s, self._hand_over, loop)
        else:
            self._hand_over(loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the thread its next calls."""
        self._is_due, self._rest = False, None
        group: list[_Waiting[Call, Outcome]] = []
        size = 0
        while self._waiting and len(group) < self._most_calls and size < MOST_BYTES:
            group.append(self._waiting.popleft())
            size += group[-1].size
        if not group:
            return
        self._is_working = True
        try:
            self._require_thread(loop)
        except RuntimeError:  # the machine has no more: the next group tries again
            error = Unavailable("There is no thread for this: try again.")
            loop.call_soon(self._tell, loop, group, error, 0.0)
        else:
            self._groups.put(group)

    def _require_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, args=(loop,), name="gathering", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        lock_waits.limit(LOCK_S)
        while True:
            group = self._groups.get()
            began = monotonic()
            outcomes: Sequence[Outcome] | BaseException
            try:
                outcomes = self._work([waiting.call for waiting in group])
            except BaseException as error:
                outcomes = error
            loop.call_soon_threadsafe(self._tell, loop, group, outcomes, monotonic() - began)
            del group, outcomes  # not kept until the next calls come

    def _tell(
        self,
        loop: asyncio.AbstractEventLoop,
        group: Sequence[_Waiting[Call, Outcome]],
        outcomes: Sequence[Outcome] | BaseException,
        took_s: float,
    ) -> None:
        for place, waiting in enumerate(group):
            if waiting.outcome.done():  # its client has left
                continue
            if isinstance(outcomes, BaseException):
                waiting.outcome.set_exception(outcomes)
            else:
                waiting.outcome.set_result(outcomes[place])
        self._is_working = False
        self._expected = len(group) + len(self._waiting)
        rest_s = min(took_s * REST_SHARE, MOST_REST_S) if len(group) > 1 else 0.0
        self._rests_until = monotonic() + rest_s
        if self._waiting:
            self._is_due = True
            loop.call_soon(self._consider, loop)
