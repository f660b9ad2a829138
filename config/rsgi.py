"""The web process: one event loop that reads requests, answers short ones itself, and sheds.

Granian calls `application` on the loop. A hot view runs there and then, to its end, as it would on
a thread of its own: Python's lock makes more threads slower, not faster. What the loop adds is that
a slow sender holds up nobody, that pages have threads of their own (see config/beside.py), that
calls of events which meet share a commit (config/gathering.py), and that a request which has waited
too long is told so at once instead of adding to the others' wait.
"""

import asyncio
import resource
import sys
from collections.abc import Callable, Sequence
from io import SEEK_END, BytesIO
from time import perf_counter
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve

from config import wsgi  # sets Django up, for those below

# isort: split
from apps.access.cors import HeaderList
from apps.access.errors import RequestRefused, Unavailable
from apps.access.http import BEGUN, HotView, refusal
from apps.decisions.services import start_watching
from apps.delivery import metrics
from apps.delivery.outcome_intake import MOST_VISITORS
from apps.events import arrivals
from apps.events.api import ARRIVING, TAKEN
from apps.events.arrivals import ROUTE, Arrived, Taken
from apps.work import alive, count_files, holding_back, record_watch, tracing
from apps.work.collector import spare_the_collector
from config import lock_waits, spans
from config.arriving import (
    FILE_BYTES,
    FORM_BYTES,
    Incoming,
    Room,
    body_of,
    environ_of,
    file_of,
    has_body,
)
from config.beside import Answer, Pool
from config.gathering import Gathering
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
_DECIDE: Final = HOT["/v1/decide"]
_DECISIONS: Final = frozenset({"decide", "ofrep", "content", "fragments"})

# What reads much, or works long, for callers that are no visitors.
_READS: Final = (
    "/spaces/",
    "/v1/items",
    "/v1/profiles",
    "/v1/segments",
    "/v1/lists",
    "/v1/openapi.json",
    "/v1/previews",
    "/v1/render",
    "/v1/why",
    "/metrics",
    "/readyz",
)
# What writes a visitor's rows, and waits for whoever holds them; and events that come by doors of
# their own, and so are not taken in together with others.
_WRITES: Final = ("/v1/consent", "/v2/events", "/v2/bulkevents", "/v1/pixel/", "/v1/hooks/")
# Each item of these may name a visitor to look up: so many are answered on the loop.
_OUTCOMES: Final = frozenset({HOT["/v1/exposures"], HOT["/v1/conversions"]})
# Where files of people come in.
_FILES: Final = ("/v1/lists", "/admin/segments/")
_PREVIEW: Final = b'"preview"'
_BODILESS_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Bytes of bodies that may be on their way into this process at once: of calls, forms, files.
_CALLS_BYTES: Final = 64 * 1024 * 1024
_FORMS_BYTES: Final = 32 * 1024 * 1024
_FILES_BYTES: Final = 3 * FILE_BYTES
# How long a statement may wait for a row: of the loop, of calls beside it, and of reads.
_LOOP_LOCK_S: Final = 0.25
_WRITE_LOCK_S: Final = 0.5
_READ_LOCK_S: Final = 2.0
_PIECE: Final = 256 * 1024
_READER_S: Final = 30.0
# What answers while nothing may be served: decisions then answer the default.
_NEVER_HELD: Final = frozenset({"/healthz", "/readyz", "/v1/decide"})
_HELD: Final = "A restored backup is being brought up to date: try again later."
_BODILESS: Final = frozenset({204, 304})


class Application:
    """What granian calls for every request."""

    def __init__(self) -> None:
        """Threads start with the first request that needs them."""
        self.pages = Pool("pages", wsgi.application, threads=2, most_waiting=60)
        self.reads = Pool(
            "reads", wsgi.application, threads=2, most_waiting=60, lock_s=_READ_LOCK_S
        )
        self.writes = Pool(
            "writes", wsgi.application, threads=2, most_waiting=60, lock_s=_WRITE_LOCK_S
        )
        self._lateness: Lateness | None = None
        self._turns = Turns()
        self._intake = Gathering(_taken_in)
        # What waits for a visitor's rows, or writes much: each by itself, beside the others.
        self._particular = Gathering(_taken_alone, most_calls=1)
        self._calls = Room(_CALLS_BYTES)
        self._forms = Room(_FORMS_BYTES)
        self._files = Room(_FILES_BYTES)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is there, and will run."""
        self._lateness = Lateness(loop.call_soon)
        lock_waits.limit(_LOOP_LOCK_S)
        count_files.start()
        alive.keep_saying("web")
        start_watching()
        spans.begin("web", HOT)

    async def __rsgi__(self, scope: Any, incoming: Incoming) -> None:
        """Answer one request."""
        path: str = scope.path
        environ = environ_of(scope)
        view = HOT.get(path)
        if holding_back.is_held() and path not in _NEVER_HELD:
            _refuse(incoming, environ, Unavailable(_HELD, retry_after_s=30))
        elif environ["REQUEST_METHOD"] != "OPTIONS" and path.startswith(_WRITES):
            await self._called(self.writes, environ, incoming)
        elif path.startswith(_READS):
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
            try:
                body = await body_of(incoming, environ, self._calls)
            except Unavailable as error:
                _refuse(incoming, environ, error)
                return
        if view is _DECIDE and _PREVIEW in body:  # drafts are put together for it
            environ["wsgi.input"] = BytesIO(body)
            await self._answer_on(self.reads, environ, incoming)
            return
        if view in _OUTCOMES and _may_ask_much(body, environ):
            environ["wsgi.input"] = BytesIO(body)
            await self._answer_on(self.writes, environ, incoming)
            return
        await self._short(view, environ, body, incoming)

    async def _called(self, pool: Pool, environ: dict[str, Any], incoming: Incoming) -> None:
        """Read the body of an API call, then answer it on a thread of a pool."""
        try:
            pool.require_room()
            if has_body(environ):
                environ["wsgi.input"] = BytesIO(await body_of(incoming, environ, self._calls))
        except Unavailable as error:
            metrics.shed(pool.name)
            _refuse(incoming, environ, error)
            return
        await self._answer_on(pool, environ, incoming)

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
                self.shed(view, request, incoming)
                return
        arriving = ARRIVING.get(view)
        if arriving is not None and request.method == "POST":
            if self._intake.waited_s() > OTHER_S:
                metrics.shed(view.route)
                self.shed(view, request, incoming)
                return
            request.META[BEGUN] = perf_counter()
            request.META[TAKEN] = await self._taken(arriving, request)
        self.answer(view, request, args, kwargs, incoming)

    async def _taken(
        self, arriving: Callable[[HttpRequest], Arrived], request: wsgi.ApiRequest
    ) -> Taken | Exception:
        """Read a call of events and have it taken in together with others; its view words it."""
        tracing.enter(request.META)
        try:
            with _Alone():
                call = arriving(request)
        except Exception as error:
            return error
        finally:
            tracing.leave()
        try:
            taken = await self._intake.outcome(call, call.size)
            if taken.left is None:
                return taken
            if self._particular.waited_s() > OTHER_S:
                metrics.shed(ROUTE)
                return taken._replace(outcome=_overloaded(), left=None)
            return await self._particular.outcome(taken, call.size)
        except Unavailable as error:
            return error

    def answer(
        self,
        view: HotView,
        request: wsgi.ApiRequest,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        incoming: Incoming,
    ) -> None:
        """Run a view and send what it answers, without giving the loop up."""
        with _Alone():
            response, headers = view.answer(request, *args, **kwargs)
        _send(incoming, response, headers)

    def shed(self, view: HotView, request: wsgi.ApiRequest, incoming: Incoming) -> None:
        """Say that there is no time for a request, in its view's words."""
        with _Alone():  # whether its origin may read the answer can be a question to the record
            response, headers = view.refuse(request, _overloaded())
        _send(incoming, response, headers)

    async def _beside(self, pool: Pool, environ: dict[str, Any], incoming: Incoming) -> None:
        """Answer on a thread of a pool what may come with a form or a file."""
        if environ["REQUEST_METHOD"] in _BODILESS_METHODS or not has_body(environ):
            await self._answer_on(pool, environ, incoming)
            return
        is_file = environ["PATH_INFO"].startswith(_FILES)
        room, most = (self._files, FILE_BYTES) if is_file else (self._forms, FORM_BYTES)
        try:
            pool.require_room()
            file = await file_of(incoming, environ, most=most, room=room)
        except RequestRefused as error:
            if isinstance(error, Unavailable):
                metrics.shed(pool.name)
            _refuse(incoming, environ, error)
            return
        size = file.seek(0, SEEK_END)
        file.seek(0)
        environ["wsgi.input"] = file
        try:
            await self._answer_on(pool, environ, incoming)
        finally:
            file.close()
            room.give_back(size)

    async def _answer_on(self, pool: Pool, environ: dict[str, Any], incoming: Incoming) -> None:
        try:
            answer = await pool.answer(environ)
        except Unavailable as error:
            metrics.shed(pool.name)
            _refuse(incoming, environ, error)
            return
        await _send_file(incoming, answer)


class _Alone:
    """For the length of a block Django sees a plain thread; the loop stands still meanwhile.

    Where it sees a loop, every task has a database connection of its own, and blocking calls are
    refused.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        asyncio._set_running_loop(None)
        record_watch.begin(record_watch.LIMIT_S)

    def __exit__(self, *_: object) -> None:
        record_watch.end()
        asyncio._set_running_loop(self._loop)


def _taken_in(calls: Sequence[Arrived]) -> list[Taken]:
    record_watch.begin(record_watch.LIMIT_S)
    try:
        return arrivals.take_ordinary(calls)
    finally:
        record_watch.end()


def _taken_alone(taken: Sequence[Taken]) -> list[Taken]:
    record_watch.begin(record_watch.LIMIT_S)
    try:
        return [arrivals.taken_alone(one) for one in taken]
    finally:
        record_watch.end()


def _may_ask_much(body: bytes, environ: dict[str, Any]) -> bool:
    """Whether outcomes may be of more than a few visitors: an item is an object."""
    is_packed = "HTTP_CONTENT_ENCODING" in environ or body[:2] == b"\x1f\x8b"
    return is_packed or body.count(b"{") > MOST_VISITORS + 1


def _overloaded() -> Unavailable:
    return Unavailable("The server has more to do than it can: try again.")


def _refuse(incoming: Incoming, environ: dict[str, Any], error: Exception) -> None:
    _send(incoming, refusal(error, wsgi.ApiRequest(environ)), tracing.headers_of(environ))


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
