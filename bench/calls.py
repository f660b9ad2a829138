"""Request bytes, built before the clock runs."""

import itertools
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bench import world

BATCH: Final = 20
EVENTS_OF_ONE: Final = 5  # events of one visitor in a batch, one after the other
EXPOSED: Final = 4
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# What a browser's tracker sends with each event.
_CONTEXT: Final = {
    "page": {"url": "https://shop.example/women/blouses", "path": "/women/blouses"},
    "userAgent": _AGENT,
    "locale": "en-GB",
    "library": {"name": "bench", "version": "1"},
}

Past = tuple[int, dict[str, Any]]  # when, what

_message_numbers = itertools.count()
_run = secrets.token_hex(8)


def message_id() -> str:
    """Return an id that no event had before."""
    # With the process id: a forked process goes on from the same number.
    return f"{_run}-{os.getpid()}-{next(_message_numbers):09d}"


class Calls:
    """Requests to one site of the stack."""

    def __init__(self, port: int, key: str) -> None:
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\n"
            f"Origin: {world.ORIGIN}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\n"
        )

    def post(self, path: str, body: Any) -> bytes:
        """Return the bytes of a POST of JSON."""
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        return (
            f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw
        )

    def decide(self, visitor: int, **more: Any) -> bytes:
        """Ask for all placements for a visitor."""
        body = {
            "anonymousId": world.visitor(visitor),
            "placements": list(world.PLACEMENTS),
            "context": {"page": {"url": "https://shop.example/women/blouses"}},
            **more,
        }
        return self.post("/v1/decide", body)

    def exposures(self, decision_ids: Sequence[str]) -> bytes:
        """Say that these decisions were seen, each under an id of its own."""
        items = [
            {
                "decisionId": decision_id,
                "id": message_id(),
                "seenAt": _instant(_now_ms()),
                "visibleMs": 1200,
                "position": position,
            }
            for position, decision_id in enumerate(decision_ids)
        ]
        return self.post("/v1/exposures", {"exposures": items})

    def batch(self, events: Iterable[dict[str, Any]]) -> bytes:
        """Send events together."""
        return self.post("/v1/batch", {"batch": list(events), "sentAt": _instant(_now_ms())})

    def views(
        self, count: int, visitors: int, *, each: int = EVENTS_OF_ONE, first: int = 0
    ) -> list[bytes]:
        """Return batches of fresh product views, `each` of a visitor, all visitors in turn.

        Args:
            first: how many batches there were before: they go on with the visitors after those.
        """
        return [
            self.batch(self._views(number, visitors, each))
            for number in range(first, first + count)
        ]

    def _views(self, number: int, visitors: int, each: int) -> Iterator[dict[str, Any]]:
        at_ms = _now_ms()
        groups = BATCH // each
        for place in range(BATCH):
            visitor = (number * groups + place // each) % visitors
            product = (number * 7 + place * 3) % world.PRODUCTS
            category = world.CATEGORIES[(number + place // each) % len(world.CATEGORIES)]
            yield event(visitor, at_ms - (BATCH - place), world.viewed(category, product))

    def view(self, visitor: int, category: str, product: int) -> bytes:
        """Send one view, alone."""
        sent = event(visitor, _now_ms(), world.viewed(category, product))
        del sent["type"]
        return self.post("/v1/track", sent)

    def pasts(
        self, visitors: int, past_of: Callable[[int, int], Iterator[Past]] = world.past_of
    ) -> list[bytes]:
        """Return the batches that bring every visitor's past in."""
        now_ms = _now_ms()
        sent = (
            event(number, at_ms, happened)
            for number in range(visitors)
            for at_ms, happened in past_of(number, now_ms)
        )
        batches = []
        while chunk := list(itertools.islice(sent, BATCH)):
            batches.append(self.batch(chunk))
        return batches


def event(visitor: int, at_ms: int, happened: dict[str, Any]) -> dict[str, Any]:
    """Return an event as a tracker sends it: about 450 bytes."""
    return {
        **happened,
        "messageId": message_id(),
        "anonymousId": world.visitor(visitor),
        "timestamp": _instant(at_ms),
        "context": _CONTEXT,
    }


def floor(port: int, path: str) -> bytes:
    """Return a GET of the floors' process."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: {_AGENT}\r\n"
        "Accept: */*\r\n\r\n"
    ).encode()


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _instant(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
