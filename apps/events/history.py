"""The newest events of one profile as a compact blob: the `history` section of the state row.

Names and property names are stored once; a row is (at, name, device, values). Only the properties
that live conditions read are kept, so when they come to read another one the blob says so
(`lacks`) and the history is read again from the events table.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.work import clock, numbers
from engine.facts import Happening, Scalar

MAX_HAPPENINGS = 100
MAX_ITEMS = 5


class _Blob(msgspec.Struct, array_like=True):
    complete_from_ms: int | None
    properties: list[str]
    names: list[str]
    rows: list[tuple[int, int, int, list[Scalar | None]]]
    items: list[tuple[int, str]]


_decoder = msgspec.msgpack.Decoder(_Blob)
_encoder = msgspec.msgpack.Encoder()


class History(msgspec.Struct):
    """The newest events of a profile, ascending, and what is known about the older ones.

    Attributes:
        happenings: at most MAX_HAPPENINGS, ascending by (occurred, original time, message id).
        properties: the property names that were kept.
        items: (at ms, item) of the last items seen, newest first, at most MAX_ITEMS.
        complete_from_ms: None when no event is missing, else every event at or after it is here.
    """

    happenings: list[Happening]
    properties: frozenset[str]
    items: list[tuple[int, str]]
    complete_from_ms: int | None = None

    def lacks(self, properties: frozenset[str]) -> bool:
        """Whether conditions read a property that was not kept."""
        return bool(self.happenings) and not properties <= self.properties

    def add(self, ordered: Sequence[Happening]) -> bool:
        """Insert events (in total order among themselves), each at its own time.

        False when one falls on the very millisecond of an event already kept: what orders those
        two is not in the blob, so the caller reads the history again from the events table.
        """
        kept = self.happenings
        if not kept or ordered[0].at_ms > kept[-1].at_ms:
            kept.extend(self._within(ordered))
            return True
        present = {happening.at_ms for happening in kept}
        fresh = self._within(ordered)
        if any(happening.at_ms in present for happening in fresh):
            return False
        # A stable sort: equals come from `ordered` only, and keep its order.
        self.happenings = sorted([*kept, *fresh], key=lambda happening: happening.at_ms)
        return True

    def _within(self, ordered: Sequence[Happening]) -> list[Happening]:
        """Those not older than what is kept: the rest is the events table's alone."""
        start = self.complete_from_ms
        return [h for h in ordered if start is None or h.at_ms >= start]

    def saw_item(self, at_ms: int, item: str) -> None:
        """Remember an item among the last ones, once, newest first."""
        seen = [row for row in self.items if row[1] != item or row[0] > at_ms]
        if not any(row[1] == item for row in seen):
            seen.append((at_ms, item))
        seen.sort(key=lambda row: row[0], reverse=True)
        self.items = seen[:MAX_ITEMS]

    def trim(self) -> None:
        """Keep the newest; what is cut off moves `complete_from_ms` just past it."""
        if len(self.happenings) > MAX_HAPPENINGS:
            cut = self.happenings[-MAX_HAPPENINGS - 1]
            self.happenings = self.happenings[-MAX_HAPPENINGS:]
            self.complete_from_ms = cut.at_ms + 1


def decode(blob: bytes) -> History:
    """Return the history in a state row; an empty blob is a profile without events."""
    if not blob:
        return History([], frozenset(), [])
    raw = _decoder.decode(blob)
    properties = raw.properties
    happenings = [
        Happening(
            at_ms,
            raw.names[name],
            device,
            {
                key: value
                for key, value in zip(properties, values, strict=False)
                if value is not None
            },
        )
        for at_ms, name, device, values in raw.rows
    ]
    return History(happenings, frozenset(properties), raw.items, raw.complete_from_ms)


def encode(history: History) -> bytes:
    """Return the blob of a history."""
    properties = sorted(history.properties)
    names: dict[str, int] = {}
    rows: list[tuple[int, int, int, list[Scalar | None]]] = []
    for happening in history.happenings:
        values: list[Scalar | None] = [happening.properties.get(key) for key in properties]
        while values and values[-1] is None:
            values.pop()
        number = names.setdefault(happening.name, len(names))
        rows.append((happening.at_ms, number, happening.device, values))
    return _encoder.encode(
        _Blob(history.complete_from_ms, properties, list(names), rows, history.items)
    )


def kept_properties(properties: dict[str, object], wanted: Iterable[str]) -> dict[str, Scalar]:
    """Return the wanted properties of an event that a condition can test: the scalars."""
    kept: dict[str, Scalar] = {}
    for key in wanted:
        value = properties.get(key)
        if isinstance(value, str | int | float):
            kept[key] = value
    return kept


def merged(one: History, other: History) -> History | None:
    """The history of two profiles that were found to be one; None when equals cannot be ordered."""
    bounds = [h.complete_from_ms for h in (one, other) if h.complete_from_ms is not None]
    start = max(bounds) if bounds else None
    happenings = sorted(
        (h for h in (*one.happenings, *other.happenings) if start is None or h.at_ms >= start),
        key=lambda h: h.at_ms,
    )
    for before, after in itertools.pairwise(happenings):
        if before.at_ms == after.at_ms:
            return None
    both = History(happenings, one.properties & other.properties, list(one.items), start)
    if not one.happenings:
        both.properties = other.properties
    elif not other.happenings:
        both.properties = one.properties
    for at_ms, item in other.items:
        both.saw_item(at_ms, item)
    both.trim()
    return both


_LOAD = """
SELECT occurred_at, name, identity_id, properties, item FROM events_event
WHERE profile_id = %s AND occurred_at >= %s
ORDER BY occurred_at DESC, coalesce(original_at, occurred_at) DESC, message_id COLLATE "C" DESC
LIMIT %s
"""
_BEGINNING = "1970-01-01T00:00:00Z"


def load(
    profile_id: UUID, properties: frozenset[str], *, since_ms: int | None, limit: int | None
) -> History:
    """Read a history from the events table. One statement, on (profile_id, occurred_at).

    Args:
        profile_id: whose events.
        properties: the property names to keep.
        since_ms: the earliest instant wanted, None for all there is.
        limit: the newest so many, None for no limit.
    """
    since = _BEGINNING if since_ms is None else clock.from_ms(since_ms).isoformat()
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, [str(profile_id), since, limit])
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    history = History([], properties, [])
    history.complete_from_ms = since_ms
    if limit is not None and len(rows) == limit and rows:
        history.complete_from_ms = clock.to_ms(rows[-1][0]) + 1
    for occurred_at, name, device, raw, item in reversed(rows):
        at_ms = clock.to_ms(occurred_at)
        document = raw if isinstance(raw, dict) else numbers.loads(raw)
        history.happenings.append(
            Happening(at_ms, name, device, kept_properties(document, properties))
        )
        if item:
            history.saw_item(at_ms, item)
    if history.complete_from_ms is not None and limit is not None:
        start = history.complete_from_ms
        history.happenings = [h for h in history.happenings if h.at_ms >= start]
    return history
