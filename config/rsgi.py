"""The web process: one event loop that reads requests, answers short ones itself, and sheds.

Granian calls `application` on the loop. A hot view runs there and then, to its end, as it would on
a thread of its own: Python's lock makes more threads slower, not faster. What the loop adds is that
a slow sender holds up nobody, that pages have threads of their own (see config/beside.py), and that
a request which has waited too long is told so at once instead of adding to the others' wait.
"""

import asyncio
import resource
import sys
from typing import Any, Final, cast

from django.http import HttpResponse, HttpResponseBase
from django.urls import resolve

from config import wsgi  # sets Django up, for those below

# isort: split
from apps.access.cors import HeaderList
from apps.access.errors import Unavailable
from apps.access.http import HotView, refusal
from apps.delivery import metrics
from apps.work import count_files, record_watch
from apps.work.collector import spare_the_collector
from config import spans
from config.arriving import BODY_BYTES, Incoming, body_of, environ_of, file_of, has_body
from config.beside import Answer, Pool
from config.lateness import Lateness
from config.turns import Turns
from config.urls import HOT

# How long a request may have waited when its turn comes. A decision that comes later is of no use
# to the page that asked; the senders of events keep them, and send them again.
DECISION_S: Final = 0.3
OTHER_S: Final = 1.0
# Up to here everything is taken as it comes. Beyond it, decisions go first.
_CALM_S: Final = 0.02
_UNSHED: Final = frozenset({"healthz", "unknown"})
_DECISIONS: Final = frozenset({"decide", "ofrep", "content", "fragments"})

# Reads of Postgres and files, by callers that are no visitors.
_BESIDE: Final = ("/v1/profiles", "/v1/segments", "/v1/lists", "/metrics", "/readyz")
# Bytes of bodies that may be on their way into this process at once.
_READING_BYTES: Final = 64 * 1024 * 1024
_PIECE: Final = 256 * 1024
_READER_S: Final = 30.0
_BODILESS: Final = frozenset({204, 304})


class Application:
    """What granian calls for every request."""

    def __init__(self) -> None:
        """Threads start with the first request that needs them."""
        self.pages = Pool("pages", wsgi.application, threads=2, most_waiting=60)
        self.reads = Pool("reads", wsgi.application, threads=2, most_waiting=60)
        self._lateness: Lateness | None = None
        self._turns = Turns()
        self._reading = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is there, and will run."""
        self._lateness = Lateness(loop.call_soon)
        count_files.start()
        spans.begin("web", HOT)

    async def __rsgi__(self, scope: Any, incoming: Incoming) -> None:
        """Answer one request."""
        path: str = scope.path
        environ = environ_of(scope)
        view = HOT.get(path)
        if path.startswith(_BESIDE):
            await self._beside(self.reads, environ, incoming)
        elif view is None and not path.startswith(wsgi.SHORT):
            await self._beside(self.pages, environ, incoming)
        else:
            await self._read(view, environ, incoming)

    async def _read(
        self, view: HotView | None, environ: dict[str, Any], incoming: Incoming
    ) -> None:
        """Read the body of an API call, then answer it."""
        body = b""
        if has_body(environ):
            length = environ.get("CONTENT_LENGTH")
            expected = int(length) if length and length.isdigit() else BODY_BYTES
            if expected <= BODY_BYTES:
                if self._reading + expected > _READING_BYTES:
                    _send(incoming, refusal(_overloaded(), wsgi.ApiRequest(environ)), [])
                    return
                self._reading += expected
                try:
                    body = await body_of(incoming, environ)
                finally:
                    self._reading -= expected
        await self._short(view, environ, body, incoming)

    async def _short(
        self, view: HotView | None, environ: dict[str, Any], body: bytes, incoming: Incoming
    ) -> None:
        """Answer an API call on this thread, when it is its turn."""
        assert self._lateness is not None
        request = wsgi.ApiRequest(environ)
        request._body = body
        args: tuple[Any, ...] = ()
        kwargs: dict[str, Any] = {}
        if view is None:
            match = request.resolver_match = resolve(request.path_info)
            view, args, kwargs = cast(HotView, match.func), match.args, match.kwargs
        late_s = self._lateness.seconds()
        if late_s > _CALM_S or self._turns:
            route = view.route
            if route not in _DECISIONS and route not in _UNSHED:
                late_s = await self._turns.wait(late_s)
            if late_s > (DECISION_S if route in _DECISIONS else OTHER_S) and route not in _UNSHED:
                metrics.shed(route)
                _send(incoming, *view.refuse(request, _overloaded()))
                return
        self.answer(view, request, args, kwargs, incoming)

    def answer(
        self,
        view: HotView,
        request: wsgi.ApiRequest,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        incoming: Incoming,
    ) -> None:
        """Run a view and send what it answers, without giving the loop up."""
        # The loop stands still meanwhile, and Django must see a plain thread: where it sees a loop,
        # every task has a database connection of its own, and blocking calls are refused.
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        record_watch.begin(record_watch.LIMIT_S)
        try:
            response, headers = view.answer(request, *args, **kwargs)
        finally:
            record_watch.end()
            asyncio._set_running_loop(loop)
        _send(incoming, response, headers)

    async def _beside(self, pool: Pool, environ: dict[str, Any], incoming: Incoming) -> None:
        """Answer on a thread of a pool."""
        file = None
        try:
            pool.require_room()
            if has_body(environ):
                environ["wsgi.input"] = file = await file_of(incoming, environ)
            answer = await pool.answer(environ)
        except Unavailable as error:
            metrics.shed(pool.name)
            _send(incoming, refusal(error, wsgi.ApiRequest(environ)), [])
            return
        finally:
            if file is not None:
                file.close()
        await _send_file(incoming, answer)


def _overloaded() -> Unavailable:
    return Unavailable("The server has more to do than it can: try again.")


def _send(incoming: Incoming, response: HttpResponseBase, headers: HeaderList) -> None:
    head = [*response.items(), *headers]
    if response.status_code in _BODILESS:
        return incoming.response_empty(response.status_code, head)
    if response.streaming:
        content = b"".join(cast(Any, response).streaming_content)
        response.close()
    else:
        content = cast(HttpResponse, response).content
    return incoming.response_bytes(response.status_code, head, content)


async def _send_file(incoming: Incoming, answer: Answer) -> None:
    status, head, content, size = answer
    with content:
        if status in _BODILESS:
            incoming.response_empty(status, head)
        elif size <= _PIECE:
            incoming.response_bytes(status, head, content.read())
        else:
            transport = incoming.response_stream(status, head)
            while piece := content.read(_PIECE):
                # A reader that takes nothing for so long is gone.
                await asyncio.wait_for(transport.send_bytes(piece), _READER_S)


application = Application()

# With pages at work, the loop gets Python's lock back ten times sooner than by default.
sys.setswitchinterval(0.0005)
# A connection is an open file, and many systems allow a process a thousand.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

spare_the_collector()
