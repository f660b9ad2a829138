"""The newest events of one profile as a compact blob: the `history` section of the state row.

Columns, not rows. Three run over all events in their total order (time, name, device); beside them
each event name has columns of its own for the properties that conditions read. A fold appends to
columns and leaves the bytes of other names as they are; an evaluation makes events only of the
names that it asks for. When conditions come to read another property the blob says so (`lacks`)
and the history is read again from the events table, as is a blob of an older format.
"""

from __future__ import annotations

import itertools
import logging
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from django.db import connection

from apps.events.columns import Columns, Events, Section, Wanted
from apps.work import clock, numbers
from engine.facts import Happening, Scalar

__all__ = ["History", "Properties", "Wanted", "decode", "encode", "load", "merged"]

logger = logging.getLogger(__name__)

MAX_HAPPENINGS = 256
# A full history is cut back by this many at once: cutting costs more than appending.
CUT = 48
MAX_ITEMS = 5
# Whoever has more events of the names that conditions read is answered by the newest of them.
MAX_FAR = 50_000
MAX_SHOWN = 100  # events that go with a person to where decisions are made
FORMAT = 2

# Properties may be given for all names alike.
Properties: TypeAlias = Wanted | frozenset[str]


class _Blob(msgspec.Struct, array_like=True):
    """Times, names and devices are arrays of fixed width, as bytes; names and devices by number."""

    format: int
    complete_from_ms: int | None
    items: list[tuple[int, str]]
    times: bytes
    order: bytes
    origins: bytes
    names: list[str]
    kept: list[tuple[str, ...]]
    devices: list[int]
    # Of each name: a column per kept property, None where no event has it.
    sections: list[msgspec.Raw]
    is_shown: bool = False


class _OldBlob(msgspec.Struct, array_like=True):
    complete_from_ms: int | None
    properties: list[str]
    names: list[str]
    rows: list[msgspec.Raw]
    items: list[tuple[int, str]]


_decode_blob = msgspec.msgpack.Decoder(_Blob).decode
_decode_old = msgspec.msgpack.Decoder(_OldBlob).decode
_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class History:
    """The newest events of a profile, ascending, and what is known about the older ones.

    Attributes:
        wanted: the properties that are kept of events that come in.
        items: (at ms, item) of the last items seen, newest first, at most MAX_ITEMS.
        complete_from_ms: None when no event is missing, else every event at or after it is here.
        is_shown: decisions read the newest events (`recent`).
        is_outdated: kept by an older version of this code: read it again.
        times: when each event occurred, in total order; `order` and `origins` run beside it: the
            place of its name in `names`, of its device in `devices`.
        sections: of each name.
    """

    wanted: Wanted = field(default_factory=Wanted)
    items: list[tuple[int, str]] = field(default_factory=list)
    complete_from_ms: int | None = None
    is_outdated: bool = False
    is_shown: bool = False
    times: array[int] = field(default_factory=lambda: array("q"))
    order: array[int] = field(default_factory=lambda: array("H"))
    origins: array[int] = field(default_factory=lambda: array("H"))
    names: list[str] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    _events: Events | None = None
    # How many events of each name, and the place of each device: counted when first asked for.
    _lengths: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    _device_places: dict[int, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def happenings(self) -> Events:
        """The events, ascending by (occurred, original time, message id)."""
        if self._events is None:
            # Not of the history itself: a circle would keep both until the collector comes by.
            self._events = Events(
                Columns(
                    self.times, self.order, self.origins, self.names, self.devices, self.sections,
                    self.numbers,
                )
            )  # fmt: skip
        return self._events

    def let_go(self) -> None:
        """Forget what was unpacked only to be looked at: of a batch's people that is a lot."""
        self._events = None
        for section in self.sections:
            section.let_go()

    def lacks(self, properties: Properties) -> bool:
        """Whether conditions read a property that was not kept of some event here."""
        if self.is_outdated:
            return True
        wanted = _wanted(properties)
        return any(not wanted.of(one.name) <= set(one.keys) for one in self.sections)

    def want(self, properties: Properties) -> None:
        """Say what to keep of the events that come in. Of no other than those here now: `lacks`."""
        self.wanted = _wanted(properties)

    def add(self, ordered: Sequence[Happening]) -> bool:
        """Insert events (in total order among themselves), each at its own time.

        Their properties are all that they have: only the wanted ones are kept. False when one falls
        on the very millisecond of an event already kept: what orders those two is not in the blob,
        so the caller reads the history again from the events table.
        """
        start = self.complete_from_ms
        # The older ones are the events table's alone.
        fresh = [one for one in ordered if start is None or one.at_ms >= start]
        if not fresh:
            return True
        times = self.times
        if times and fresh[0].at_ms <= times[-1]:
            present = set(times)
            if any(one.at_ms in present for one in fresh):
                return False
            # A stable sort: equals come from `ordered` only, and keep their order.
            fresh = sorted([*self.happenings, *fresh], key=lambda one: one.at_ms)
            self._clear()
        for one in fresh:
            self._append(one)
        self._events = None
        return True

    def _clear(self) -> None:
        self.times, self.order, self.origins = array("q"), array("H"), array("H")
        self.names, self.devices, self.sections, self.numbers = [], [], [], {}
        self._lengths, self._device_places = {}, {}

    def _append(self, one: Happening) -> None:
        name = one.name
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
            self.sections.append(Section(name, tuple(sorted(self.wanted.of(name)))))
        count = self._lengths.get(number)
        if count is None:
            count = self.order.count(number)
        self.sections[number].append(count, one.properties)
        self._lengths[number] = count + 1
        self.times.append(one.at_ms)
        self.order.append(number)
        self.origins.append(self._place_of(one.device))

    def _place_of(self, device: int) -> int:
        places = self._device_places
        if not places:
            places.update((known, place) for place, known in enumerate(self.devices))
        place = places.get(device)
        if place is None:
            place = places[device] = len(self.devices)
            self.devices.append(device)
        return place

    def saw_item(self, at_ms: int, item: str) -> None:
        """Remember an item among the last ones, once, newest first."""
        seen = [row for row in self.items if row[1] != item or row[0] > at_ms]
        if not any(row[1] == item for row in seen):
            seen.append((at_ms, item))
        seen.sort(key=lambda row: row[0], reverse=True)
        self.items = seen[:MAX_ITEMS]

    def trim(self) -> None:
        """Keep the newest; what is cut off moves `complete_from_ms` just past it."""
        count = len(self.times)
        if count <= MAX_HAPPENINGS:
            return
        cut = count - (MAX_HAPPENINGS - CUT)
        self.complete_from_ms = self.times[cut - 1] + 1
        while cut < count and self.times[cut] < self.complete_from_ms:
            cut += 1
        self._drop_first(cut)

    def _drop_first(self, cut: int) -> None:
        gone = self.order[:cut]
        for number, section in enumerate(self.sections):
            dropped = gone.count(number)
            if dropped:
                section.drop_first(dropped)
        self.times, self.order, self.origins = (
            self.times[cut:], self.order[cut:], self.origins[cut:],
        )  # fmt: skip
        self._events = None
        self._lengths, self._device_places = {}, {}
        left = set(self.order)
        if len(left) < len(self.names):
            kept = [number for number in range(len(self.names)) if number in left]
            places = {number: place for place, number in enumerate(kept)}
            self.names = [self.names[number] for number in kept]
            self.sections = [self.sections[number] for number in kept]
            self.numbers = {name: place for place, name in enumerate(self.names)}
            self.order = array("H", [places[number] for number in self.order])
        used = sorted(set(self.origins))
        if len(used) < len(self.devices):
            places = {number: place for place, number in enumerate(used)}
            self.devices = [self.devices[number] for number in used]
            self.origins = array("H", [places[number] for number in self.origins])


def _wanted(properties: Properties) -> Wanted:
    return properties if isinstance(properties, Wanted) else Wanted(properties)


def decode(blob: bytes) -> History:
    """Return the history in a state row; an empty blob is a profile without events.

    One that cannot be read is outdated: everything in it is in the events table.
    """
    if not blob:
        return History()
    try:
        return _decoded(blob)
    except (msgspec.DecodeError, ValueError):
        logger.exception("events.history_unreadable")
        return History(is_outdated=True)


def _decoded(blob: bytes) -> History:
    try:
        raw = _decode_blob(blob)
    except msgspec.ValidationError:
        old = _decode_old(blob)
        return History(items=old.items, is_outdated=bool(old.rows))
    sections = list(map(Section, raw.names, raw.kept, raw.sections))
    return History(
        items=raw.items,
        complete_from_ms=raw.complete_from_ms,
        is_outdated=raw.format != FORMAT,
        is_shown=raw.is_shown,
        times=array("q", raw.times),
        order=array("H", raw.order),
        origins=array("H", raw.origins),
        names=raw.names,
        devices=raw.devices,
        sections=sections,
        numbers={name: number for number, name in enumerate(raw.names)},
    )


def encode(history: History) -> bytes:
    """Return the blob of a history."""
    if history.is_outdated:
        return _encode(_OldBlob(history.complete_from_ms, [], [], [_SOMETHING], history.items))
    return _encode(
        _Blob(
            FORMAT,
            history.complete_from_ms,
            history.items,
            history.times.tobytes(),
            history.order.tobytes(),
            history.origins.tobytes(),
            history.names,
            [section.keys for section in history.sections],
            history.devices,
            [section.packed() for section in history.sections],
            history.is_shown,
        )
    )


def recent(history: History) -> bytes:
    """Return the blob of the newest events, at most MAX_SHOWN; empty where nobody reads them."""
    if not history.is_shown or history.is_outdated:
        return b""
    surplus = len(history.times) - MAX_SHOWN
    if surplus <= 0:
        return encode(history)
    newest = decode(encode(history))
    newest.complete_from_ms = newest.times[surplus - 1] + 1
    newest._drop_first(surplus)
    return encode(newest)


# Stands for the rows of an old blob that is written back without having been read again.
_SOMETHING = msgspec.Raw(_encode(None))


def kept_properties(properties: Mapping[str, object], wanted: Collection[str]) -> dict[str, Scalar]:
    """Return the wanted ones among an event's properties, as far as conditions can test them."""
    return {
        key: value
        for key, value in properties.items()
        if key in wanted and isinstance(value, str | int | float)
    }


def merged(one: History, other: History) -> History | None:
    """The history of two profiles that were found to be one.

    None when it must be read from the events table: equals cannot be ordered, or they do not keep
    the same properties.
    """
    if one.is_outdated or other.is_outdated:
        return None
    bounds = [h.complete_from_ms for h in (one, other) if h.complete_from_ms is not None]
    start = max(bounds) if bounds else None
    happenings = sorted(
        (h for h in (*one.happenings, *other.happenings) if start is None or h.at_ms >= start),
        key=lambda h: h.at_ms,
    )
    for before, after in itertools.pairwise(happenings):
        if before.at_ms == after.at_ms:
            return None
    keys: dict[str, set[str]] = {}
    for section in (*one.sections, *other.sections):
        if keys.setdefault(section.name, set(section.keys)) != set(section.keys):
            return None
    by_name = {name: frozenset(own) for name, own in keys.items()}
    both = History(Wanted(by_name=by_name), list(one.items), start)
    for happening in happenings:
        both._append(happening)
    for at_ms, item in other.items:
        both.saw_item(at_ms, item)
    both.trim()
    return both


_LOAD = """
SELECT occurred_at, name,
  CASE WHEN identity_id = user_identity_id THEN 0 ELSE identity_id END, properties, item
FROM events_event
WHERE profile_id = %s AND occurred_at >= %s AND (%s::text[] IS NULL OR name = ANY(%s::text[]))
ORDER BY occurred_at DESC, coalesce(original_at, occurred_at) DESC, message_id COLLATE "C" DESC
LIMIT %s
"""
_BEGINNING = "1970-01-01T00:00:00Z"


def load(
    profile_id: UUID,
    properties: Properties,
    *,
    since_ms: int | None,
    limit: int | None,
    names: Collection[str] | None = None,
) -> History:
    """Read a history from the events table. One statement, on (profile_id, occurred_at).

    Args:
        profile_id: whose events.
        properties: the property names to keep.
        since_ms: the earliest instant wanted, None for all there is.
        limit: the newest so many, None for no limit.
        names: only events of these names, None for all. Nothing but these may be asked of it.
    """
    since = _BEGINNING if since_ms is None else clock.from_ms(since_ms).isoformat()
    asked = None if names is None else sorted(names)
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [str(profile_id), since, asked, asked, limit])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    history = History(_wanted(properties))
    history.complete_from_ms = since_ms
    if limit is not None and len(rows) == limit and rows:
        start = history.complete_from_ms = clock.to_ms(rows[-1][0]) + 1
    else:
        start = None
    for occurred_at, name, device, raw, item in reversed(rows):
        at_ms = clock.to_ms(occurred_at)
        if item:
            history.saw_item(at_ms, item)
        if start is None or at_ms >= start:
            document = raw if isinstance(raw, dict) else numbers.loads(raw)
            wanted = history.wanted.of(name)
            kept = kept_properties(document, wanted) if wanted else {}
            history._append(Happening(at_ms, name, device, kept))
    return history
