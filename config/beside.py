"""Threads for what may take its time - admin pages, uploads, profile reads - beside the event loop.

A pool takes as much as it can answer within its patience: more is refused at once, and what has
waited longer is refused when its turn comes. Answers are complete when they leave the pool, so no
thread ever waits for a reader.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import IO, Any, Final, NamedTuple

from apps.access.errors import Unavailable
from config import lock_waits

PATIENCE_S: Final = 10.0
_IN_MEMORY: Final = 1024 * 1024

StartResponse = Callable[..., object]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Answer(NamedTuple):
    """A whole answer; its content is read from the start of a file."""

    status: int
    head: list[tuple[str, str]]
    content: IO[bytes]
    size: int


class Pool:
    """A few threads that run a WSGI application."""

    def __init__(
        self,
        name: str,
        wsgi: Wsgi,
        *,
        threads: int,
        most_waiting: int,
        lock_s: float = 0.0,
    ) -> None:
        """Run `wsgi` on `threads` threads, with at most `most_waiting` requests before them.

        Args:
            lock_s: how long a statement may wait for another's lock; 0: as long as Postgres lets.
        """
        self.name = name
        self._wsgi = wsgi
        self._most = threads + most_waiting
        self._threads = ThreadPoolExecutor(threads, name, lock_waits.limit, (lock_s,))
        self.taken = 0

    def require_room(self) -> None:
        """Refuse when the pool has taken all that it can hold.

        Raises:
            Unavailable: come back in a second.
        """
        if self.taken >= self._most:
            raise Unavailable("Too many are waiting for this: try again.")

    async def answer(self, environ: dict[str, Any]) -> Answer:
        """Run the application.

        Raises:
            Unavailable: there is no room, or its turn came too late.
        """
        self.require_room()  # others came while a body was on its way
        self.taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._run, environ, monotonic()
            )
        finally:
            self.taken -= 1

    def _run(self, environ: dict[str, Any], since: float) -> Answer:
        if monotonic() - since > PATIENCE_S:
            raise Unavailable("This waited too long for its turn: try again.")
        begun: list[Any] = []
        content: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        parts = self._wsgi(environ, lambda status, head, *_: begun.extend((status, head)))
        try:
            for part in parts:
                content.write(part)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        size = content.tell()
        content.seek(0)
        return Answer(int(begun[0].partition(" ")[0]), begun[1], content, size)
