"""The stream process: a bare ASGI application. Django's cycle would cost eight times its own work.

An idle stream is one task that waits for its client to leave, and an entry in one of the slots of a
wheel that turns in fifteen seconds: there is no timer for each.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from django.conf import settings

from apps.access.addresses import client_address, is_near
from apps.decisions.notices import id_of, number_of
from apps.delivery.stream import figures
from apps.delivery.stream.hub import Hub
from apps.delivery.stream.listeners import Listener, Send
from apps.delivery.stream.room import Place, Room
from apps.delivery.stream.tickets import PATH, Ticket, read_ticket
from apps.work.ids import public_id

logger = logging.getLogger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = list[tuple[bytes, bytes]]

COMMENT_EVERY_S: Final = 15.0
SLOTS: Final = 60
LIFE_S: Final = 1_800.0
# A thousand clients that came together must not come back together.
LIFE_SPREAD: Final = 0.1
RETRY_AFTER_S: Final = 5
FAREWELL_S: Final = 3.0

# Headers of proxies, by the names of WSGI.
_FORWARDING: Final = {
    b"x-forwarded-for": "HTTP_X_FORWARDED_FOR",
    b"forwarded": "HTTP_FORWARDED",
    b"x-real-ip": "HTTP_X_REAL_IP",
}
_VARY: Final = (b"vary", b"Origin")
# As apps/access/cors.py, which needs models.
_EXPOSE: Final = (
    b"access-control-expose-headers",
    b"ETag, Retry-After, RateLimit, RateLimit-Policy, Server-Timing",
)
_PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"cache-control, last-event-id"),
    (b"access-control-max-age", b"7200"),
]
_STREAMING: Final[Headers] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Application:
    """What granian calls for every request.

    Args:
        redis_url: where notices are read.
        room: how many streams there may be; more are refused with 503.
        life_s: seconds after which a stream ends by itself, somewhat less for most.
        comment_every_s: how often a stream says that it lives; its end falls on such a moment.
    """

    def __init__(
        self,
        *,
        redis_url: str,
        room: Room,
        life_s: float = LIFE_S,
        comment_every_s: float = COMMENT_EVERY_S,
    ) -> None:
        self._redis_url = redis_url
        self._room = room
        self._life_s = life_s
        self._step_s = comment_every_s / SLOTS
        self._hub: Hub | None = None
        self._wheel: list[set[Listener]] = [set() for _ in range(SLOTS)]
        self._slot = 0
        self._turning: asyncio.Task[None] | None = None
        self._streams: dict[Listener, asyncio.Task[Any] | None] = {}
        self._is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        hub = self._hub or self._start()
        path, method = scope["path"].rstrip("/"), scope["method"]
        if path == PATH and method == "GET":
            await self._stream(hub, scope, receive, send)
        elif path == PATH and method == "OPTIONS":
            await answer(send, 204, [*await _cors(hub, scope, None), *_PREFLIGHT])
        elif path == PATH:
            headers = [*await _cors(hub, scope, None), (b"allow", b"GET, OPTIONS")]
            await refuse(send, 405, "method_not_allowed", "Use GET here.", headers)
        elif path == "/healthz":
            await answer(send, 200, _JSON, b'{"status":"ok"}')
        elif path == "/readyz":
            await self._readyz(hub, send)
        elif path == "/metrics" and is_near(_meta(scope)):
            text = figures.text_of(hub, len(self._streams)).encode()
            await answer(send, 200, [(b"content-type", figures.CONTENT_TYPE)], text)
        else:
            await refuse(send, 404, "not_found", "There is nothing at this address.", [])

    def _start(self) -> Hub:
        """Begin at the first request: before it there is no running loop."""
        loop = asyncio.get_running_loop()
        self._hub = hub = Hub(self._redis_url)
        hub.start()
        self._turning = loop.create_task(self._turn())
        # The server waits for open answers to end, and these do not: they end here first.
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(self.stop()))
        return hub

    async def stop(self) -> None:
        """End every stream in order; clients come back by themselves. Then let the server end."""
        if self._is_stopping:
            return
        self._is_stopping = True
        for one in list(self._streams):
            one.is_over = True
            one.wake()
        deadline = time.monotonic() + FAREWELL_S
        while self._streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for task in list(self._streams.values()):
            if task is not None:
                task.cancel()
        if self._hub is not None:
            await self._hub.stop()
        # The other signal that the server itself listens to.
        os.kill(os.getpid(), signal.SIGINT)

    async def _readyz(self, hub: Hub, send: Send) -> None:
        await hub.position()
        word = b"ok" if hub.is_connected else b"away"
        status = 200 if hub.is_connected else 503
        body = b'{"status":"%b","checks":{"redis":"%b"}}' % (word, word)
        headers = _JSON if hub.is_connected else [*_JSON, (b"retry-after", b"1")]
        await answer(send, status, headers, body)

    async def _stream(self, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        except ValueError:
            cors = await _cors(hub, scope, None)
            await refuse(send, 400, "invalid_request", "At most 20 parameters are read.", cors)
            return
        ticket = read_ticket((query.get("ticket") or [""])[0], time.time_ns() // 1_000_000)
        if ticket is None:
            hub.counts["refused_ticket"] += 1
            headers = [*await _cors(hub, scope, None), (b"www-authenticate", b"Bearer")]
            await refuse(send, 401, "invalid_ticket", "This ticket is not one of ours.", headers)
            return
        # Before anything is awaited: a crowd cannot pass the limits while it waits.
        place = None if self._is_stopping else self._place_for(ticket, scope)
        if place is None:
            hub.counts["refused_full"] += 1
            cors = await _cors(hub, scope, ticket)
            headers = [*cors, (b"retry-after", b"%d" % RETRY_AFTER_S)]
            await refuse(send, 503, "unavailable", "Too many streams are open.", headers)
            return
        try:
            await self._serve(hub, ticket, _since(scope, query), scope, receive, send)
        finally:
            self._room.give_back(place)

    def _place_for(self, ticket: Ticket, scope: Scope) -> Place | None:
        address = client_address(_meta(scope))
        return self._room.take(ticket.site_id.bytes, ticket.identity, address)

    async def _serve(
        self,
        hub: Hub,
        ticket: Ticket,
        since: int | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Keep one stream open, if its ticket still counts."""
        is_over = ticket.is_over or not await hub.record.has_keys(ticket.source_id)
        cors = await _cors(hub, scope, ticket)
        if is_over:
            hub.counts["refused_over"] += 1
            await answer(send, 204, [*cors, (b"cache-control", b"no-store")])
        else:
            await self._keep_open(hub, ticket, since, cors, receive, send)

    async def _keep_open(
        self,
        hub: Hub,
        ticket: Ticket,
        since: int | None,
        cors: Headers,
        receive: Receive,
        send: Send,
    ) -> None:
        """Keep one stream open until its client leaves, its time is over or the process ends."""
        now = asyncio.get_running_loop().time()
        one = Listener(
            send,
            site=ticket.site_id.bytes,
            identity=ticket.identity,
            source_id=ticket.source_id,
            ends_at=now + self._life_s * random.uniform(1 - LIFE_SPREAD, 1),  # nosec B311
        )
        self._streams[one] = asyncio.current_task()
        slot = self._wheel[(self._slot - 1) % SLOTS]
        try:
            headers = [*cors, *_STREAMING, _named(public_id("req"))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            position = await hub.position()
            # Who comes back keeps the id it has until it is known whether it missed anything.
            entry_id = f"id: {id_of(position)}\n" if since is None else ""
            greeting = f"retry: 3000\n{entry_id}\n".encode()
            await send({"type": "http.response.body", "body": greeting, "more_body": True})
            await hub.enter(one, position if since is None else since)
            slot.add(one)
            hub.counts["opened"] += 1
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            hub.counts["cut"] += 1
        finally:
            slot.discard(one)
            self._streams.pop(one, None)
            hub.leave(one)

    async def _turn(self) -> None:
        """Turn the wheel: a comment for each stream of a slot, or its end."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._step_s)
            self._slot = (self._slot + 1) % SLOTS
            for one in list(self._wheel[self._slot]):
                if one.sender is not None:
                    # It has not taken anything for a whole turn.
                    task = self._streams.get(one)
                    if task is not None:
                        task.cancel()
                    continue
                one.is_over = loop.time() >= one.ends_at
                one.must_beat = not one.is_over
                one.wake()


def _since(scope: Scope, query: Mapping[str, list[str]]) -> int | None:
    """Number of the last notice that the client has; one that cannot be read has missed all."""
    text = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"last-event-id"), "")
    text = text or (query.get("lastEventId") or [""])[0]
    return (number_of(text) or 0) if text else None


async def _cors(hub: Hub, scope: Scope, ticket: Ticket | None) -> Headers:
    """Echo an origin that the ticket's source allows; without a ticket, one that any source does.

    The API's own origin needs no leave: for its pages only the stream is elsewhere.
    """
    text = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"origin"), "")
    if not text:
        return [_VARY]
    source_id = None if ticket is None else ticket.source_id
    if text != settings.PUBLIC_ORIGIN and not await hub.record.allows(text, source_id):
        return [_VARY]
    return [_VARY, (b"access-control-allow-origin", text.encode("latin-1")), _EXPOSE]


def _meta(scope: Scope) -> dict[str, str]:
    """What a request says of where it comes from, under the names that web processes know."""
    client = scope.get("client")
    meta = {"REMOTE_ADDR": client[0] if client else ""}
    for name, value in scope["headers"]:
        known = _FORWARDING.get(name)
        if known is not None:
            text = value.decode("latin-1")
            meta[known] = f"{meta[known]},{text}" if known in meta else text
    return meta


_JSON: Final[Headers] = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


def _named(request_id: str) -> tuple[bytes, bytes]:
    return (b"x-request-id", request_id.encode())


async def answer(
    send: Send, status: int, headers: Headers, body: bytes = b"", request_id: str = ""
) -> None:
    """Send one whole answer."""
    headers = [*headers, _named(request_id or public_id("req"))]
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, code: str, sentence: str, headers: Headers) -> None:
    """Send a refusal as problem+json, in the shape of every other one of the API."""
    request_id = public_id("req")
    body = {
        "type": f"/docs/errors/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "instance": PATH,
        "detail": sentence,
        "code": code,
        "message": sentence,
        "traceId": request_id,
    }
    kind = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await answer(send, status, [*kind, *headers], json.dumps(body).encode(), request_id)
