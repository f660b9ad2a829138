"""A person's newest events as columns; events are made of them name by name, when asked for."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, SupportsIndex, TypeAlias, overload

import msgspec

from engine.facts import Happening, Scalar

Column: TypeAlias = list[Scalar | None]

_decode_columns = msgspec.msgpack.Decoder(list[Column | None]).decode
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which properties conditions read: those of every event, and more of some names."""

    every: frozenset[str] = frozenset()
    by_name: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, name: str) -> frozenset[str]:
        own = self.by_name.get(name)
        return self.every if own is None else self.every | own

    def __or__(self, other: Wanted) -> Wanted:
        names = self.by_name.keys() | other.by_name.keys()
        nothing: frozenset[str] = frozenset()
        return Wanted(
            self.every | other.every,
            {
                name: self.by_name.get(name, nothing) | other.by_name.get(name, nothing)
                for name in names
            },
        )


class Section:
    """What is kept of the events of one name: a column per property, decoded when asked for.

    Attributes:
        keys: the properties that are kept, sorted.
        columns: beside them; None where no event has the property.
    """

    __slots__ = ("_columns", "_raw", "keys", "name")

    def __init__(self, name: str, keys: tuple[str, ...], raw: msgspec.Raw | None = None) -> None:
        self.name = name
        self.keys = keys
        self._raw = raw
        self._columns: list[Column | None] | None = None if raw is not None else [None] * len(keys)

    @property
    def columns(self) -> list[Column | None]:
        if self._columns is None:
            assert self._raw is not None
            self._columns = _decode_columns(self._raw)
        return self._columns

    def append(self, count: int, properties: Mapping[str, Scalar]) -> None:
        """Add an event after `count` others."""
        columns = self.columns
        self._raw = None
        for place, key in enumerate(self.keys):
            value = properties.get(key)
            column = columns[place]
            if column is not None:
                column.append(value)
            elif value is not None:
                columns[place] = [*itertools.repeat(None, count), value]

    def drop_first(self, count: int) -> None:
        columns = self.columns
        self._raw = None
        for place, column in enumerate(columns):
            if column is not None:
                rest = column[count:]
                columns[place] = rest if any(value is not None for value in rest) else None

    def packed(self) -> msgspec.Raw:
        """The columns as bytes; the very ones they came as when nothing was added."""
        if self._raw is None:
            self._raw = msgspec.Raw(_encode(self._columns))
        return self._raw

    def let_go(self) -> None:
        """Keep only the bytes, where nothing was added to them."""
        if self._raw is not None:
            self._columns = None

    def events(self, times: Sequence[int], devices: Sequence[int]) -> list[Happening]:
        """Make the events, given when each occurred and on which device."""
        name = self.name
        keys: list[str] = []
        columns: list[Column] = []
        for key, column in zip(self.keys, self.columns, strict=True):
            if column is not None:
                keys.append(key)
                columns.append(column)
        if not columns:
            nothing: dict[str, Scalar] = {}
            return [
                Happening(at, name, device, nothing)
                for at, device in zip(times, devices, strict=True)
            ]
        if any(None in column for column in columns):
            rows = zip(*columns, strict=True)
            return [
                Happening(
                    at,
                    name,
                    device,
                    {key: value for key, value in zip(keys, row, strict=True) if value is not None},
                )
                for at, device, row in zip(times, devices, rows, strict=True)
            ]
        return _whole(name, keys, times, devices, columns)


def _whole(
    name: str,
    keys: Sequence[str],
    times: Sequence[int],
    devices: Sequence[int],
    columns: Sequence[Any],
) -> list[Happening]:
    """Events that all have every property. The shapes written out take half the time."""
    rows = zip(times, devices, *columns, strict=True)
    if len(keys) == 1:
        (one,) = keys
        return [Happening(at, name, device, {one: a}) for at, device, a in rows]
    if len(keys) == 2:
        one, two = keys
        return [Happening(at, name, device, {one: a, two: b}) for at, device, a, b in rows]
    if len(keys) == 3:
        one, two, three = keys
        return [
            Happening(at, name, device, {one: a, two: b, three: c}) for at, device, a, b, c in rows
        ]
    return [
        Happening(at, name, device, dict(zip(keys, row, strict=True))) for at, device, *row in rows
    ]


class Columns(NamedTuple):
    """Events as columns: see `history.History`."""

    times: array[int]
    order: array[int]
    origins: array[int]
    names: list[str]
    devices: list[int]
    sections: list[Section]
    numbers: dict[str, int]


class Events(Sequence[Happening]):
    """The events of a history, made name by name as they are asked for (`facts.NamedHistory`)."""

    __slots__ = ("_all", "_of", "by_name", "places")
    __hash__ = None  # type: ignore[assignment]  # a sequence that grows

    def __init__(self, of: Columns) -> None:
        self._of = of
        self._all: list[Happening] | None = None
        self.places = _Places(of)
        self.by_name = _ByName(of, self.places)

    def __len__(self) -> int:
        return len(self._of.times)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Happening: ...
    @overload
    def __getitem__(self, index: slice) -> list[Happening]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Happening | list[Happening]:
        found = self._all
        if found is None:
            if index == -1:
                of = self._of
                return self.by_name[of.names[of.order[-1]]][-1]
            found = self._all = self._every()
        return found[index]

    def __iter__(self) -> Iterator[Happening]:
        return iter(self[:])

    def __reversed__(self) -> Iterator[Happening]:
        """The newest first: who looks at the latest session stops long before the oldest."""
        if self._all is not None:
            yield from reversed(self._all)
            return
        of = self._of
        places: dict[int, int] = {}
        for number in reversed(of.order):
            place = places[number] = places.get(number, 0) - 1
            yield self.by_name[of.names[number]][place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self[:] == list(other)

    def _every(self) -> list[Happening]:
        of = self._of
        named = [iter(self.by_name[name]) for name in of.names]
        return [next(named[number]) for number in of.order]


class _Places(dict[str, list[int]]):
    """Event name -> where its events stand, worked out when it is asked for."""

    def __init__(self, of: Columns) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, name: str) -> list[int]:
        number = self._of.numbers[name]
        found = self[name] = [i for i, one in enumerate(self._of.order) if one == number]
        return found

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._of.numbers else default


class _ByName(dict[str, list[Happening]]):
    """Event name -> its events, made when they are asked for."""

    def __init__(self, of: Columns, places: _Places) -> None:
        super().__init__()
        self._of = of
        self._places = places

    def __missing__(self, name: str) -> list[Happening]:
        of = self._of
        section = of.sections[of.numbers[name]]
        devices, origins, times = of.devices, of.origins, of.times
        if len(of.names) == 1:
            found = section.events(times, [devices[number] for number in origins])
        else:
            places = self._places[name]
            found = section.events(
                [times[i] for i in places], [devices[origins[i]] for i in places]
            )
        self[name] = found
        return found

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._of.numbers else default
