"""Replaying visits: before every click but the first, ask what to show; then send the click.

Sessions run beside each other, each in order. A session's next question waits, untimed, until the
click just sent is folded: measured is what the product knows, not who wins a race.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from apps.demo.clicks import Session
from apps.demo.client import Connection, Reply, decoded, share_out
from apps.demo.convert import event_of, visitor_of
from apps.demo.errors import DemoTrouble
from apps.demo.load import last_folded
from apps.demo.progress import Progress
from apps.demo.setup import HERO, ROW

SHOWN: Final = 10
SESSIONS_AT_ONCE: Final = 12
PAUSE_S: Final = 0.003
LONGEST_FIRST_PAUSE_S: Final = 0.05
PATIENCE_S: Final = 60.0

_encode = msgspec.json.Encoder().encode


class _Item(msgspec.Struct):
    id: str


class _Placed(msgspec.Struct):
    reason: str
    variant: str | None = None
    items: list[_Item] = []


class _Answer(msgspec.Struct):
    placements: dict[str, _Placed]


_answer = msgspec.json.Decoder(_Answer)


class Step(NamedTuple):
    """One question and the click that came after it.

    `category` and `product` were clicked; `hero` is the variant shown and `row` the products.
    `took_s` is seconds at the client, `served_s` the server's own account of them.
    """

    category: str
    product: str
    hero: str | None
    row: frozenset[str]
    hero_reason: str
    row_reason: str
    took_s: float
    served_s: float | None


class Replayed(NamedTuple):
    """What a replay saw, in seconds; `steps` in no particular order."""

    steps: list[Step]
    clicks: int
    took_s: float


def replay(
    sessions: Sequence[Session],
    *,
    open_connection: Callable[[], Connection],
    progress: Progress,
) -> Replayed:
    """Replay the sessions.

    Raises:
        DemoTrouble: a call is refused, or a click is never folded.
    """
    visits = _Visits()
    began = time.monotonic()
    share_out(
        sessions,
        visits.walk,
        open_connection=open_connection,
        threads=SESSIONS_AT_ONCE,
        tick=lambda: progress.update(visits.clicks),
    )
    progress.update(visits.clicks)
    return Replayed(visits.steps, visits.clicks, time.monotonic() - began)


class _Visits:
    """The visits under way, and what they have seen so far."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.clicks = 0
        self._lock = threading.Lock()
        self._lag_s = PAUSE_S  # how long folding takes at present: when a first look is worth it

    def walk(self, connection: Connection, session: Session) -> None:
        """Make one visit, click by click."""
        visitor = visitor_of(session)
        question = _encode(
            {"anonymousId": visitor, "placements": [HERO, {"key": ROW, "limit": SHOWN}]}
        )
        steps = []
        for place, click in enumerate(session.clicks):
            if place:
                reply = connection.post("/v1/decide", question)
                steps.append(_step(reply, click.category, click.product))
            event = event_of(session, click)
            answer = decoded(connection.post("/v1/track", _encode(event)), "A click")
            if answer["accepted"] + answer["duplicates"] != 1:
                raise DemoTrouble("A click may not be stored: see the site's consent settings.")
            self._await_fold(connection, visitor, event["messageId"])
            with self._lock:
                self.clicks += 1
        with self._lock:
            self.steps += steps

    def _await_fold(self, connection: Connection, visitor: str, message_id: str) -> None:
        began = time.monotonic()
        time.sleep(min(self._lag_s, LONGEST_FIRST_PAUSE_S))
        while last_folded(connection, visitor) != message_id:
            if time.monotonic() - began > PATIENCE_S:
                raise DemoTrouble(
                    f"A click was not folded within {PATIENCE_S:.0f} s: is the consumer running?"
                )
            time.sleep(PAUSE_S)
        # A little below what it took: too late costs nothing but time, too early costs a request.
        self._lag_s += 0.05 * (0.9 * (time.monotonic() - began) - self._lag_s)


def _step(reply: Reply, category: str, product: str) -> Step:
    if reply.status != 200:
        decoded(reply, "A decision")
    placements = _answer.decode(reply.body).placements
    hero, row = placements[HERO], placements[ROW]
    return Step(
        category,
        product,
        hero.variant,
        frozenset(item.id for item in row.items),
        hero.reason,
        row.reason,
        reply.took_s,
        _served_s(reply),
    )


def _served_s(reply: Reply) -> float | None:
    """Read `total;dur=` (ms) of Server-Timing."""
    timing = reply.header("Server-Timing") or ""
    _, _, text = timing.partition("total;dur=")
    try:
        return float(text.split(",")[0]) / 1000
    except ValueError:
        return None
