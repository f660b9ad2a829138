"""The newest events of one profile in memory, column by column, as a fold appends to them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from apps.events.columns import Columns, Events, Section, Wanted
from engine.facts import Happening

MAX_HAPPENINGS = 256
# A full history is cut back by this many at once: cutting costs more than appending.
CUT = 48
MAX_ITEMS = 5

# Properties may be given for all names alike.
Properties: TypeAlias = Wanted | frozenset[str]


@dataclass(slots=True)
class History:
    """The newest events of a profile, ascending, and what is known about the older ones.

    Attributes:
        wanted: the properties that are kept of events that come in.
        items: (at ms, item) of the last items seen, newest first, at most MAX_ITEMS.
        complete_from_ms: None when no event is missing, else every event at or after it is here.
        is_shown: decisions read the newest events (`recent`).
        is_outdated: kept by an older version of this code: read it again.
        refused_ms: finer purpose, as a bit -> the newest event here that was not for it.
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
    refused_ms: dict[int, int] = field(default_factory=dict)
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
        wanted = wanted_of(properties)
        return any(not wanted.of(one.name) <= set(one.keys) for one in self.sections)

    def want(self, properties: Properties) -> None:
        """Say what to keep of the events that come in. Of no other than those here now: `lacks`."""
        self.wanted = wanted_of(properties)

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
            self.append(one)
        self._events = None
        return True

    def _clear(self) -> None:
        self.times, self.order, self.origins = array("q"), array("H"), array("H")
        self.names, self.devices, self.sections, self.numbers = [], [], [], {}
        self._lengths, self._device_places = {}, {}

    def append(self, one: Happening) -> None:
        """Put an event behind all others. The caller knows that it comes after them."""
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

    def note_refused(self, at_ms: int, purposes: Iterable[int]) -> None:
        """Remember that an event was not for these finer purposes, as bits."""
        for bit in purposes:
            self.refused_ms[bit] = max(at_ms, self.refused_ms.get(bit, at_ms))

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
        self.drop_first(cut)

    def drop_first(self, cut: int) -> None:
        """Take out the oldest so many, and names and devices that nothing is left of."""
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


def wanted_of(properties: Properties) -> Wanted:
    """Return which properties are kept of the events of each name."""
    return properties if isinstance(properties, Wanted) else Wanted(properties)
