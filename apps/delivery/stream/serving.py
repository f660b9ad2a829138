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

from apps.access.addresses import client_address, is_trusted
from apps.decisions.notices import id_of, number_of
from apps.delivery.stream import figures
from apps.delivery.stream.hub import Hub
from apps.delivery.stream.listeners import Listener, Send
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
PER_VISITOR: Final = 20
RETRY_AFTER_S: Final = 5
FAREWELL_S: Final = 3.0

_CORS: Final[Headers] = [(b"access-control-allow-origin", b"*")]
_PREFLIGHT: Final[Headers] = [
    *_CORS,
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"cache-control, last-event-id"),
    (b"access-control-max-age", b"7200"),
]
_STREAMING: Final[Headers] = [
    *_CORS,
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Application:
    """What granian calls for every request.

    Args:
        redis_url: where notices are read.
        most: streams open at once; more are refused with 503.
        life_s: seconds after which a stream ends by itself, somewhat less for most.
        comment_every_s: how often a stream says that it lives; its end falls on such a moment.
    """

    def __init__(
        self,
        *,
        redis_url: str,
        most: int,
        life_s: float = LIFE_S,
        comment_every_s: float = COMMENT_EVERY_S,
    ) -> None:
        self._redis_url = redis_url
        self._most = most
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
            await answer(send, 204, _PREFLIGHT)
        elif path == PATH:
            headers = [*_CORS, (b"allow", b"GET, OPTIONS")]
            await refuse(send, 405, "method_not_allowed", "Use GET here.", headers)
        elif path == "/healthz":
            await answer(send, 200, _JSON, b'{"status":"ok"}')
        elif path == "/readyz":
            await self._readyz(hub, send)
        elif path == "/metrics" and _is_near(scope):
            text = figures.text_of(hub, len(self._streams)).encode()
            await answer(send, 200, [(b"content-type", figures.CONTENT_TYPE)], text)
        else:
            await refuse(send, 404, "not_found", "There is nothing at this address.", _CORS)

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
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        ticket = read_ticket((query.get("ticket") or [""])[0], time.time_ns() // 1_000_000)
        if ticket is None:
            hub.counts["refused_ticket"] += 1
            headers = [*_CORS, (b"www-authenticate", b"Bearer")]
            await refuse(send, 401, "invalid_ticket", "This ticket is not one of ours.", headers)
        elif self._is_full(hub, ticket):
            hub.counts["refused_full"] += 1
            headers = [*_CORS, (b"retry-after", b"%d" % RETRY_AFTER_S)]
            await refuse(send, 503, "unavailable", "Too many streams are open.", headers)
        elif ticket.is_over or not await hub.record.has_keys(ticket.source_id):
            hub.counts["refused_over"] += 1
            await answer(send, 204, [*_CORS, (b"cache-control", b"no-store")])
        else:
            since = _since(scope, query)
            await self._serve(hub, ticket, since, receive, send)

    def _is_full(self, hub: Hub, ticket: Ticket) -> bool:
        if self._is_stopping or len(self._streams) >= self._most:
            return True
        count = hub.listeners.count_of_identity(ticket.site_id.bytes, ticket.identity)
        return count >= PER_VISITOR

    async def _serve(
        self, hub: Hub, ticket: Ticket, since: int | None, receive: Receive, send: Send
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
        # Counted from here on, so that a crowd cannot pass the limit while it waits.
        self._streams[one] = asyncio.current_task()
        slot = self._wheel[(self._slot - 1) % SLOTS]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _STREAMING})
            position = await hub.position()
            # Who comes back keeps the id it has until it is told what it missed.
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


def _is_near(scope: Scope) -> bool:
    """Whether the client is this machine or in a trusted network: others find no figures."""
    headers = {k: v.decode("latin-1") for k, v in scope["headers"]}
    client = scope.get("client")
    meta = {"REMOTE_ADDR": client[0] if client else ""}
    if b"x-forwarded-for" in headers:
        if not is_trusted(meta["REMOTE_ADDR"]):
            return False
        meta["HTTP_X_FORWARDED_FOR"] = headers[b"x-forwarded-for"]
    address = client_address(meta)
    return address in (None, "127.0.0.1", "::1") or is_trusted(address or "")


_JSON: Final[Headers] = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


async def answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send one whole answer."""
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, code: str, sentence: str, headers: Headers) -> None:
    """Send a refusal as problem+json, in the shape of every other one of the API."""
    body = {
        "type": f"/docs/errors/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "instance": PATH,
        "detail": sentence,
        "code": code,
        "message": sentence,
        "traceId": public_id("req"),
    }
    kind = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await answer(send, status, [*kind, *headers], json.dumps(body).encode())
