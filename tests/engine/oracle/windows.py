"""Which events a window holds at an instant, by the book: calendars, sessions, visits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from tests.engine.oracle.values import (
    DAY_MS,
    compare,
    duration_ms,
    from_ms,
    instant_ms,
    is_scalar,
    months,
    same,
    to_ms,
)

Document: TypeAlias = Mapping[str, Any]

IDLE_MS = 30 * 60_000
NOBODY = 0  # the device of an event that names a user only


class Event(Protocol):
    """What the oracle reads of an event."""

    @property
    def at_ms(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def device(self) -> int: ...
    @property
    def properties(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Seen:
    """What one evaluation may look at: the events up to `now`, in the total order, and the rest."""

    now: int
    events: list[Event]
    traits: Mapping[str, Any]
    trait_meta: Mapping[str, Any]
    context: Mapping[str, Any]
    memberships: Mapping[str, bool]
    consents: Mapping[str, bool]
    unit_id: str
    site_zone: str


def scalar_of(event: Event, name: str) -> Any:
    """The scalar property of an event, None when it has none."""
    found = event.properties.get(name)
    return found if is_scalar(found) else None


def meets(event: Event, match: Document, seen: Seen) -> bool:
    """Whether an event is of this match."""
    if match["name"] not in ("*", event.name):
        return False
    for test in match.get("where", ()):
        value = test.get("value")
        if "fact" in test:
            value = seen.context.get(test["fact"])
            if value is None:
                return False
        if compare(test["op"], scalar_of(event, test["property"]), value) is not True:
            return False
    return True


def matching(match: Document, seen: Seen, among: Iterable[int] | None = None) -> list[int]:
    """The places of the events of this match, in order."""
    places = range(len(seen.events)) if among is None else among
    return [i for i in places if meets(seen.events[i], match, seen)]


def inside(window: Any, seen: Seen) -> list[int]:
    """The places in `seen.events` of the events that count, in order."""
    now, events = seen.now, seen.events
    if window == "ever":
        return list(range(len(events)))
    if window == "session":
        return open_session(seen, IDLE_MS)
    if window == "page_view":
        return _page_view(seen)
    ((kind, value),) = ((k, v) for k, v in window.items() if k != "tz")
    if kind == "session":
        return open_session(seen, duration_ms(value))
    if kind == "visit":
        return _visit(value, seen)
    if kind == "last":
        count = months(value)
        after = now - duration_ms(value) if count is None else months_before(now, count)
        return [i for i, event in enumerate(events) if after < event.at_ms <= now]
    if kind == "between_ago":
        first, last = now - duration_ms(value["from"]), now - duration_ms(value["to"])
        return [i for i, event in enumerate(events) if first < event.at_ms <= last]
    if kind == "calendar":
        start = calendar_start(now, value, zone_of(window.get("tz", "site"), seen))
        return [i for i, event in enumerate(events) if start <= event.at_ms]
    if kind == "since":
        marks = matching(value, seen)
        after_ms = events[marks[-1]].at_ms if marks else None
        return [i for i, e in enumerate(events) if after_ms is None or e.at_ms > after_ms]
    assert kind == "absolute", window
    begin, end = (instant_ms(value.get(side)) for side in ("from", "to"))
    return [
        i
        for i, event in enumerate(events)
        if (begin is None or event.at_ms >= begin) and (end is None or event.at_ms < end)
    ]


def months_before(now: int, count: int) -> int:
    """The same UTC day and time `count` months earlier, or the first instant of the next month."""
    moment = from_ms(now)
    place = moment.year * 12 + moment.month - 1 - count
    try:
        return to_ms(moment.replace(year=place // 12, month=place % 12 + 1))
    except ValueError:
        place += 1
        return to_ms(datetime(place // 12, place % 12 + 1, 1, tzinfo=moment.tzinfo))


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found; no path at all; a directory
        return None


def zone_of(whose: str, seen: Seen) -> str:
    name = seen.traits.get("timezone") if whose == "visitor" else None
    return name if isinstance(name, str) and _zone(name) is not None else seen.site_zone


def local_day(at_ms: int, zone: str) -> date:
    return from_ms(at_ms).astimezone(_zone(zone)).date()


@lru_cache(maxsize=65536)
def first_instant(day: date, zone: str) -> int:
    """The first instant, in ms, that clocks in the zone show as this day."""
    # Offsets are less than a day, so the search starts before the day and ends inside it. It goes
    # in quarters of an hour, as no zone with another grid changed its clocks lately, and then
    # in milliseconds.
    midnight = (day - date(1970, 1, 1)).days * DAY_MS
    step = 900_000
    at_ms = midnight - 15 * 3_600_000
    while local_day(at_ms, zone) < day:
        at_ms += step
    before = at_ms - step
    while at_ms - before > 1:
        middle = (before + at_ms) // 2
        if local_day(middle, zone) < day:
            before = middle
        else:
            at_ms = middle
    return at_ms


def calendar_start(now: int, unit: str, zone: str) -> int:
    day = local_day(now, zone)
    # Clocks turned back over midnight show the old day again, but the new one has begun.
    if first_instant(day + timedelta(days=1), zone) <= now:
        day += timedelta(days=1)
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    return first_instant(day, zone)


def pieces(seen: Seen, device: int, idle: int) -> list[list[int]]:
    """The chain of one device, cut where the gap is at least the idle time."""
    found: list[list[int]] = []
    for i, event in enumerate(seen.events):
        if event.device == device:
            if found and event.at_ms - seen.events[found[-1][-1]].at_ms < idle:
                found[-1].append(i)
            else:
                found.append([i])
    return found


def open_session(seen: Seen, idle: int) -> list[int]:
    events = seen.events
    for of_devices in (True, False):
        latest = [e for e in events if (e.device != NOBODY) is of_devices][-1:]
        if latest and seen.now - latest[0].at_ms < idle:
            piece = pieces(seen, latest[0].device, idle)[-1]
            first_ms = events[piece[0]].at_ms
            return [
                i
                for i, event in enumerate(events)
                if i in piece or (event.device == NOBODY and event.at_ms >= first_ms)
            ]
    return []


def _visit(n: int, seen: Seen) -> list[int]:
    events = seen.events
    devices = {event.device for event in events} - {NOBODY} or {NOBODY}
    visits = sorted(
        (events[piece[0]].at_ms, device, piece)
        for device in devices
        for piece in pieces(seen, device, IDLE_MS)
    )
    place = n - 1 if n > 0 else len(visits) + n
    if not 0 <= place < len(visits):
        return []
    piece = visits[place][2]
    first_ms, last_ms = events[piece[0]].at_ms, events[piece[-1]].at_ms
    return [
        i
        for i, event in enumerate(events)
        if i in piece or (event.device == NOBODY and first_ms <= event.at_ms <= last_ms)
    ]


def _page_view(seen: Seen) -> list[int]:
    ids = {i: scalar_of(seen.events[i], "page_view_id") for i in open_session(seen, IDLE_MS)}
    known = [found for found in ids.values() if found is not None]
    return [i for i, found in ids.items() if same(found, known[-1])] if known else []
