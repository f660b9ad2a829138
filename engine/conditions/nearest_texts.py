"""What could be otherwise, in plain words: 2 more "Product Viewed" by 14:32."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

from engine.conditions.calendars import as_utc
from engine.conditions.changes import ChangeKind, NearestChange
from engine.conditions.nodes import ANY_EVENT, FactOf, Match, Op

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


def match_text(match: Match, amount: int = 1) -> str:
    """The events of a match: "Product Viewed" (category "shoes")."""
    if match.name == ANY_EVENT:
        text = "event" if amount == 1 else "events"
    else:
        text = _quoted(match.name)
    said = [
        f"{test.property} {_quoted(test.value)}"
        for test in match.where
        if test.op is Op.EQ and not isinstance(test.value, FactOf)
    ]
    rest = "such" if len(said) < len(match.where) else ""
    return text + (f" ({', '.join(said)})" if said else f" ({rest} as asked)" if rest else "")


def added_text(
    change: NearestChange, deadline_ms: int | None = None, now_ms: int = 0, zone: str = "UTC"
) -> str:
    """So many more events, with the time before which they are enough."""
    assert change.match is not None
    text = f"{change.amount} more {match_text(change.match, change.amount)}"
    if change.of is not None and change.values:
        values = list(dict.fromkeys(change.values))
        text += f" with {change.of} {_quoted(values[0])}" + (" and others" if values[1:] else "")
    return text if deadline_ms is None else f"{text} by {_time(deadline_ms, now_ms, zone)}"


def fewer_text(match: Match, amount: int) -> str:
    return f"{amount} fewer {match_text(match, amount)}"


def wait_text(wait_ms: int) -> str:
    return f"wait {_duration(wait_ms)}"


def set_text(kind: ChangeKind, name: str, value: object) -> str:
    match kind:
        case ChangeKind.SEGMENT:
            return f"{'be' if value else 'not be'} in segment {_quoted(name)}"
        case ChangeKind.CONSENT:
            return f"{'consent' if value else 'no consent'} to {name}"
    return f"{name} is missing" if value is None else f"{name} is {_quoted(value)}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _time(at_ms: int, now_ms: int, zone: str) -> str:
    """The local time, to the second where it matters, with the date unless it is today."""
    at, now = (as_utc(ms).astimezone(ZoneInfo(zone)) for ms in (at_ms, now_ms))
    clock = at.strftime("%H:%M") if at_ms - now_ms >= 600_000 else at.strftime("%H:%M:%S")
    return clock if at.date() == now.date() else f"{at.date().isoformat()} {clock}"


def _duration(wait_ms: int) -> str:
    for size, unit in _UNITS:
        if wait_ms >= size:
            left = timedelta(milliseconds=wait_ms) / timedelta(milliseconds=size)
            amount = round(left, 1) if left < 10 else round(left)
            whole = int(amount) if amount == int(amount) else amount
            return f"{whole} {unit}{'' if whole == 1 else 's'}"
    return f"{wait_ms} ms"
