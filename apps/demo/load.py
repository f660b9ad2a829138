"""Sending the history: whole sessions in batches, and waiting until the consumer has folded them.

A batch is folded as a whole or not at all, and a session lies in one parcel. So a parcel is folded
when its last visitor's metadata names the last message of the parcel: one small read each.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from apps.demo.clicks import Session
from apps.demo.client import TICK_S, Connection, decoded, share_out
from apps.demo.convert import Event, history_of, visitor_of
from apps.demo.errors import DemoTrouble
from apps.demo.progress import Watched

EVENTS_PER_BATCH: Final = 500
MOST_BYTES: Final = 480_000  # the API takes 512,000
SENDERS: Final = 2
PATIENCE_S: Final = 120.0  # without any progress of the consumer

_encode = msgspec.json.Encoder().encode

EventsOf = Callable[[Session, timedelta], Iterator[Event]]  # of a session, moved


@dataclass(slots=True)
class Parcel:
    """Some sessions' events: bodies to be sent one after the other, and how to see them folded.

    `bodies` is one batch, unless one session alone is larger than a batch may be.
    """

    bodies: list[bytes]
    events: int
    visitor: str
    last_message_id: str
    is_sent: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading took. Seconds: until the last batch was accepted, and until it was folded."""

    events: int
    accepted_s: float
    folded_s: float


def parcels_of(
    sessions: Iterable[Session], shift: timedelta, events_of: EventsOf = history_of
) -> Iterator[Parcel]:
    """Pack sessions in their order, about EVENTS_PER_BATCH events together."""
    packed: list[bytes] = []
    last: Parcel | None = None
    for session in sessions:
        events = list(events_of(session, shift))
        if not events:
            continue
        packed.extend(map(_encode, events))
        last = Parcel([], len(packed), visitor_of(session), events[-1]["messageId"])
        if len(packed) >= EVENTS_PER_BATCH:
            last.bodies = _bodies(packed)
            yield last
            packed = []
    if packed and last is not None:
        last.bodies = _bodies(packed)
        yield last


def _bodies(packed: Sequence[bytes]) -> list[bytes]:
    """Return batches of these encoded events, in order, each small enough for the API."""
    bodies, start, size = [], 0, 0
    for place, event in enumerate(packed):
        if place > start and size + len(event) > MOST_BYTES:
            bodies.append(_body(packed[start:place]))
            start, size = place, 0
        size += len(event) + 1
    return [*bodies, _body(packed[start:])]


def _body(packed: Sequence[bytes]) -> bytes:
    return b'{"batch":[' + b",".join(packed) + b"]}"


def send_history(
    sessions: Sequence[Session],
    shift: timedelta,
    *,
    open_connection: Callable[[], Connection],
    progress: Watched,
    events_of: EventsOf = history_of,
) -> Loaded:
    """Send the sessions' events, each moved by `shift`, and return when all of them are folded.

    Args:
        events_of: what is sent of a session; its clicks.

    Raises:
        DemoTrouble: an event is refused, or the consumer stands still.
    """
    began = time.monotonic()
    parcels: list[Parcel] = []
    watcher = _Watcher(parcels, open_connection(), progress)

    def noted() -> Iterator[Parcel]:
        for parcel in parcels_of(sessions, shift, events_of):
            parcels.append(parcel)
            yield parcel

    share_out(noted(), _send, open_connection=open_connection, threads=SENDERS, tick=watcher.look)
    accepted_s = time.monotonic() - began
    watcher.wait()
    return Loaded(watcher.folded_events, accepted_s, time.monotonic() - began)


def _send(connection: Connection, parcel: Parcel) -> None:
    stored = 0
    for body in parcel.bodies:
        answer = decoded(connection.post("/v1/batch", body), "A batch")
        for refusal in answer["rejected"]:
            raise DemoTrouble(f"An event was refused ({refusal['code']}): {refusal['detail']}")
        stored += answer["accepted"] + answer["duplicates"]
    if stored != parcel.events:
        raise DemoTrouble(f"Of {parcel.events} events only {stored} may be stored: see consent.")
    parcel.bodies.clear()
    parcel.is_sent = True


class _Watcher:
    """Follows the consumer through the parcels in the order in which they were sent."""

    def __init__(
        self, parcels: Sequence[Parcel], connection: Connection, progress: Watched
    ) -> None:
        self._parcels = parcels
        self._connection = connection
        self._progress = progress
        self._next = 0
        self._moved_at = time.monotonic()
        self.folded_events = 0

    def look(self) -> None:
        """Note what has been folded since the last look."""
        while self._next < len(self._parcels):
            parcel = self._parcels[self._next]
            if not parcel.is_sent or not self._is_folded(parcel):
                break
            self.folded_events += parcel.events
            self._next += 1
            self._moved_at = time.monotonic()
        self._progress.update(self.folded_events)

    def wait(self) -> None:
        """Return when all parcels are folded."""
        self.look()
        while self._next < len(self._parcels):
            if time.monotonic() - self._moved_at > PATIENCE_S:
                raise DemoTrouble(
                    f"The consumer has folded nothing for {PATIENCE_S:.0f} s: is it running?"
                )
            time.sleep(TICK_S)
            self.look()

    def _is_folded(self, parcel: Parcel) -> bool:
        found = last_folded(self._connection, parcel.visitor)
        return found == parcel.last_message_id


class _Metadata(msgspec.Struct, rename="camel"):
    last_folded_message_id: str | None = None


_metadata = msgspec.json.Decoder(_Metadata)


def last_folded(connection: Connection, visitor: str) -> str | None:
    """Return the id of the message folded last into a visitor's profile, None without a profile."""
    reply = connection.get(f"/v1/profiles/anonymous_id:{visitor}/metadata")
    if reply.status == 404:
        return None
    if reply.status != 200:
        decoded(reply, "A profile's metadata")
    return _metadata.decode(reply.body).last_folded_message_id
