"""The mixed load: batches, single events, decisions and what was seen of them, by a clock.

Each sender is a thread with a connection and a timetable of its own. Events are sent again until
they are answered with 200, as a client library does; a decision whose connection is reset is asked
for again, for a quarter of a second: the kernel may lead a new connection to the process that is
just being killed. How long it took counts from the first time on.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from tests.faults.ledger import Ledger

ORIGIN: Final = "https://shop.example"
CATEGORIES: Final = ("blouses", "trousers", "skirts", "shoes", "sale")
CAPPED_PLACEMENT: Final = "home.banner"
BATCH: Final = 20
VISITORS: Final = 200
TIMEOUT_S: Final = 5.0
REPEAT_AFTER_S: Final = 0.2
ASKED_AGAIN_AFTER_S: Final = 0.01
ASKED_AGAIN_FOR_S: Final = 0.25
LAST_REPEATS_S: Final = 20.0  # after the end of the load, for what is not acknowledged yet

BATCHED_PER_S: Final = 1_000
SINGLE_PER_S: Final = 50
DECISIONS_PER_S: Final = 150
BATCH_SENDERS: Final = 4
SINGLE_SENDERS: Final = 2
ASKERS: Final = 6
SEEN_EVERY: Final = 3  # of so many decisions one is seen

Json = dict[str, Any]
_numbers = count()
_load = 0  # how often one began


@dataclass(frozen=True, slots=True)
class Target:
    """The site under load."""

    port: int
    key: str
    placements: Sequence[str]


class Line:
    """A keep-alive connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._headers = {
            "Authorization": f"Bearer {target.key}",
            "Content-Type": "application/json",
            "Origin": ORIGIN,
        }
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: Json) -> tuple[int, bytes]:
        """Send and return (status, body).

        Raises:
            OSError, http.client.HTTPException: no answer came.
        """
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._target.port, timeout=TIMEOUT_S
            )
            self._connection.connect()
            assert self._connection.sock is not None
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._connection.request("POST", path, json.dumps(body).encode(), self._headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        """Close; the next call opens again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Load:
    """Everything that runs while faults happen: `with Load(...)`."""

    def __init__(
        self, target: Target, ledger: Ledger, *, factor: float, within_ms: float | None
    ) -> None:
        """Prepare.

        Args:
            factor: of the full rate.
            within_ms: a decision that takes longer is a bad one; None: it only has to come.
        """
        global _load
        _load += 1  # with visitors of its own: nobody has thousands of events within the hour
        self._target, self._ledger, self._within_ms = target, ledger, within_ms
        self._is_over = threading.Event()
        self._given_up_at = float("inf")
        self._threads = [
            *self._timed(self._send_batch, BATCH_SENDERS, BATCHED_PER_S / BATCH * factor),
            *self._timed(self._send_single, SINGLE_SENDERS, SINGLE_PER_S * factor),
            *self._timed(self._decide, ASKERS, DECISIONS_PER_S * factor),
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._given_up_at = time.monotonic() + LAST_REPEATS_S
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _timed(
        self, act: Callable[[Line, int], None], senders: int, per_s: float
    ) -> list[threading.Thread]:
        """Threads that together act so often a second."""
        period_s = senders / per_s
        return [
            threading.Thread(target=self._keep, args=(act, period_s, number, senders), daemon=True)
            for number in range(senders)
        ]

    def _keep(
        self, act: Callable[[Line, int], None], period_s: float, number: int, senders: int
    ) -> None:
        line = Line(self._target)
        due = time.monotonic() + period_s * number / senders
        while not self._is_over.is_set():
            left = due - time.monotonic()
            if left > 0 and self._is_over.wait(left):
                break
            act(line, next(_numbers))
            # What a long answer has delayed is left out, not made up for in a burst.
            due = max(due + period_s, time.monotonic())
        line.close()

    def _send_batch(self, line: Line, number: int) -> None:
        events = [
            {"type": "track", **self._viewed(number * BATCH + place)} for place in range(BATCH)
        ]
        self._send(line, "/v1/batch", {"batch": events}, [one["messageId"] for one in events])

    def _send_single(self, line: Line, number: int) -> None:
        event = self._viewed(number)
        self._send(line, "/v1/track", event, [event["messageId"]])

    def _viewed(self, number: int) -> Json:
        return viewed(visitor(number), number)

    def _send(self, line: Line, path: str, body: Json, message_ids: Sequence[str]) -> None:
        """Send until it is acknowledged."""
        self._ledger.will_send(message_ids)
        while time.monotonic() < self._given_up_at:
            try:
                status, answer = line.post(path, {**body, "sentAt": _now()})
            except (OSError, http.client.HTTPException):
                status, answer = 0, b""
            if status == 200:
                if json.loads(answer).get("rejected"):
                    self._ledger.was_strange(f"{path} rejected an event: {answer[:300]!r}")
                else:
                    self._ledger.was_acknowledged(message_ids)
                return
            if status not in (0, 429, 503):
                self._ledger.was_strange(f"{path} answered {status}: {answer[:300]!r}")
            self._ledger.will_repeat()
            time.sleep(REPEAT_AFTER_S)

    def _decide(self, line: Line, number: int) -> None:
        asked: Json = {
            "anonymousId": visitor(number),
            "placements": list(self._target.placements),
        }
        began = time.monotonic()
        try:
            status, body = _asked(line, asked, until=began + ASKED_AGAIN_FOR_S)
        except (OSError, http.client.HTTPException) as error:
            self._ledger.decided_badly(f"no answer: {type(error).__name__}")
            return
        took_ms = (time.monotonic() - began) * 1000
        if status != 200:
            self._ledger.decided_badly(f"status {status} {_code(body)}")
            return
        placements = json.loads(body)["placements"]
        if not all(placements.get(key, {}).get("html") for key in self._target.placements):
            self._ledger.decided_badly("a placement without content")
            return
        if self._within_ms is not None and took_ms > self._within_ms:
            self._ledger.decided_badly(f"later than {self._within_ms:.0f} ms", took_ms)
            return
        if placements.get(CAPPED_PLACEMENT, {}).get("reason") == "TARGETING_MATCH":
            self._ledger.served_capped(asked["anonymousId"])
        is_default = all(one["reason"] != "TARGETING_MATCH" for one in placements.values())
        self._ledger.decided(took_ms, is_default=is_default)
        if number % SEEN_EVERY == 0:
            self._see(line, [one["decisionId"] for one in placements.values()])

    def _see(self, line: Line, decision_ids: Sequence[str]) -> None:
        seen = [{"decisionId": one, "id": message_id()} for one in decision_ids]
        stored = [f"exposure:{one['id']}" for one in seen]
        self._send(line, "/v1/exposures", {"exposures": seen}, stored)


def _asked(line: Line, asked: Json, *, until: float) -> tuple[int, bytes]:
    """Ask for a decision, and again where the connection is reset until so late."""
    while True:
        try:
            return line.post("/v1/decide", asked)
        except (ConnectionError, http.client.RemoteDisconnected):
            if time.monotonic() >= until:
                raise
            time.sleep(ASKED_AGAIN_AFTER_S)


def _code(body: bytes) -> str:
    """The code and the detail of a refusal."""
    try:
        found = json.loads(body)
        return f"{found['code']}: {found['detail']}"
    except (ValueError, KeyError, TypeError):
        return repr(body[:100])


def visitor(number: int) -> str:
    """Return whom the present load knows by a number."""
    return f"visitor-{_load}-{number % VISITORS}"


def viewed(who: str, number: int) -> Json:
    """A view of one product, as a tracker sends it."""
    return {
        "event": "Product Viewed",
        "messageId": message_id(),
        "anonymousId": who,
        "timestamp": _now(),
        "properties": {
            "category": CATEGORIES[number % len(CATEGORIES)],
            "product_id": f"P{number % 120:04d}",
            "price": 20 + number % 90,
        },
    }


def message_id() -> str:
    """An id that nothing had before in this process."""
    return f"{_RUN}-{next(_numbers)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_RUN: Final = f"{time.time_ns():x}"
