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
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.consent.gates import finer_refused
from apps.events.columns import Section, Wanted
from apps.events.newest_events import CUT, MAX_HAPPENINGS, History, Properties, wanted_of
from apps.work import clock, numbers
from engine.facts import Happening, Scalar

__all__ = [
    "CUT",
    "MAX_HAPPENINGS",
    "UNREAD",
    "History",
    "Properties",
    "Wanted",
    "decode",
    "encode",
    "load",
    "merged",
]

logger = logging.getLogger(__name__)

# Whoever has more events of the names that conditions read is answered by the newest of them.
MAX_FAR = 50_000
MAX_SHOWN = 100  # events that go with a person to where decisions are made
FORMAT = 2


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
    # None in blobs of before: any of their events may have been for less than conditions are.
    refused_ms: dict[int, int] | None = None


class _OldBlob(msgspec.Struct, array_like=True):
    complete_from_ms: int | None
    properties: list[str]
    names: list[str]
    rows: list[msgspec.Raw]
    items: list[tuple[int, str]]


_decode_blob = msgspec.msgpack.Decoder(_Blob).decode
_decode_old = msgspec.msgpack.Decoder(_OldBlob).decode
_encode = msgspec.msgpack.Encoder().encode


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
    times = array("q", raw.times)
    refused_ms = raw.refused_ms
    if refused_ms is None:
        refused_ms = dict.fromkeys(finer_refused(0), times[-1]) if times else {}
    return History(
        items=raw.items,
        complete_from_ms=raw.complete_from_ms,
        is_outdated=raw.format != FORMAT,
        is_shown=raw.is_shown,
        times=times,
        order=array("H", raw.order),
        origins=array("H", raw.origins),
        names=raw.names,
        devices=raw.devices,
        sections=sections,
        numbers={name: number for number, name in enumerate(raw.names)},
        refused_ms=refused_ms,
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
            history.refused_ms,
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
    newest.drop_first(surplus)
    return encode(newest)


# Stands for the rows of an old blob that is written back without having been read again.
_SOMETHING = msgspec.Raw(_encode(None))
# A history of which nothing is kept: whoever may read it reads the events.
UNREAD = encode(History(is_outdated=True))


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
        both.append(happening)
    for at_ms, item in other.items:
        both.saw_item(at_ms, item)
    for own in (one, other):
        for bit, refused_ms in own.refused_ms.items():
            both.note_refused(refused_ms, (bit,))
    both.trim()
    return both


_LOAD = """
SELECT occurred_at, name,
  CASE WHEN identity_id = user_identity_id THEN 0 ELSE identity_id END, properties, item, purposes
FROM events_personal
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
    history = History(wanted_of(properties))
    history.complete_from_ms = since_ms
    if limit is not None and len(rows) == limit and rows:
        start = history.complete_from_ms = clock.to_ms(rows[-1][0]) + 1
    else:
        start = None
    for occurred_at, name, device, raw, item, stamp in reversed(rows):
        at_ms = clock.to_ms(occurred_at)
        history.note_refused(at_ms, finer_refused(stamp))
        if item:
            history.saw_item(at_ms, item)
        if start is None or at_ms >= start:
            document = raw if isinstance(raw, dict) else numbers.loads(raw)
            wanted = history.wanted.of(name)
            kept = kept_properties(document, wanted) if wanted else {}
            history.append(Happening(at_ms, name, device, kept))
    return history
