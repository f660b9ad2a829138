"""Single values by the book: equality, order, dates, versions, patterns, durations, places.

Written from docs/conditions.md alone. Nothing here imports the engine, so that a mistake there
cannot be repeated here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, TypeAlias

Truth: TypeAlias = bool | None

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
_DURATION = re.compile(r"([0-9]+)(ms|mo|[smhdwy])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,3}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
_EARTH_KM = 6371.0088


def duration_ms(text: str) -> int:
    """Milliseconds of "10m"."""
    found = _DURATION.fullmatch(text)
    assert found is not None, text
    return int(found[1]) * _UNITS_MS[found[2]]


def months(text: str) -> int | None:
    """Months of "3mo" or "2y"; None of a duration in milliseconds."""
    found = _DURATION.fullmatch(text)
    assert found is not None, text
    return int(found[1]) * {"mo": 1, "y": 12}[found[2]] if found[2] in ("mo", "y") else None


def to_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def instant_ms(found: object) -> int | None:
    """The instant of a date (its midnight, UTC) or of an RFC 3339 text; None of anything else."""
    return _read_instant(found) if isinstance(found, str) else None


@lru_cache(maxsize=4096)
def _read_instant(found: str) -> int | None:
    try:
        if _DATE.fullmatch(found):
            return to_ms(datetime.combine(date.fromisoformat(found), datetime.min.time(), UTC))
        parts = _INSTANT.fullmatch(found)
        if parts is None:
            return None
        day, hour, minute, second, fraction, sign, by_hours, by_minutes = parts.groups()
        offset = timedelta(0)
        if sign:
            if int(by_hours) > 15 or int(by_minutes) > 59:
                return None
            offset = timedelta(hours=int(by_hours), minutes=int(by_minutes))
            offset = -offset if sign == "-" else offset
        clock = datetime.fromisoformat(day).replace(
            hour=int(hour), minute=int(minute), second=int(second), tzinfo=timezone(offset)
        )
        in_utc = clock.astimezone(UTC)  # refused where that has no year from 1 to 9999
        return to_ms(in_utc) + int((fraction or "0").ljust(3, "0"))
    except (ValueError, OverflowError):
        return None


def number(found: object) -> float | None:
    """The double of a number; booleans are none."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf


def is_scalar(found: object) -> bool:
    return isinstance(found, str | int | float)  # a boolean is an int to Python


def same(a: object, b: object) -> bool:
    """Equal, type and all."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a is b
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    left, right = number(a), number(b)
    return left is not None and right is not None and left == right


def version(found: object) -> list[int] | None:
    if not isinstance(found, str) or not _VERSION.fullmatch(found):
        return None
    parts = [int(part) for part in found.split(".")]
    return parts + [0] * (4 - len(parts))


@lru_cache(maxsize=1024)
def regex(pattern: str) -> re.Pattern[str]:
    """The pattern in Python's words, where `$` would also match before a last line end."""
    made, i, in_class = [], 0, False
    while i < len(pattern):
        character = pattern[i]
        if character == "\\":
            made.append(pattern[i : i + 2])
            i += 2
            continue
        if in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character in "^$":
            character = {"^": r"\A", "$": r"\Z"}[character]
        made.append(character)
        if in_class and character == "[" and pattern[i + 1 : i + 2] == "^":
            made.append("^")
            i += 1
        i += 1
    return re.compile("".join(made), re.ASCII | re.DOTALL)


def distance_km(a: Sequence[float], b: Sequence[float]) -> float:
    """Great circle between two [latitude, longitude] in degrees."""
    first, second = ([math.radians(angle) for angle in place] for place in (a, b))
    inner = (
        math.sin((second[0] - first[0]) / 2) ** 2
        + math.cos(first[0]) * math.cos(second[0]) * math.sin((second[1] - first[1]) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(inner)))


def ordered(op: str, a: Any, b: Any) -> bool:
    return bool({"gt": a > b, "gte": a >= b, "lt": a < b, "lte": a <= b, "eq": a == b}[op])


def _order(op: str, found: object, value: object) -> Truth:
    if isinstance(found, str) and isinstance(value, str):
        # Python compares texts by code point.
        return ordered(op, found, value)
    left, right = number(found), number(value)
    return None if left is None or right is None else ordered(op, left, right)


def _text_test(op: str, found: object, value: object) -> Truth:
    if op == "contains" and isinstance(found, list):
        return any(same(item, value) for item in found)
    if not isinstance(found, str) or not isinstance(value, str):
        return None
    if op == "contains":
        return value in found
    return found.startswith(value) if op == "starts_with" else found.endswith(value)


def _list_test(op: str, found: object, value: list[object]) -> Truth:
    if not isinstance(found, list) and not is_scalar(found):
        return None
    items = found if isinstance(found, list) else [found]
    has = [any(same(item, wanted) for item in items) for wanted in value]
    return {"has_any": any(has), "has_all": all(has), "has_none": not any(has)}[op]


def compare(op: str, found: object, value: Any) -> Truth:
    """Every operator that needs no clock. `found` is any JSON value, None when missing."""
    if op in ("is_set", "is_missing"):
        return (found is None) is (op == "is_missing")
    if found is None:
        return None
    if op in ("eq", "ne"):
        return same(found, value) is (op == "eq")
    if op == "in":
        return any(same(found, item) for item in value)
    if op in ("gt", "gte", "lt", "lte"):
        return _order(op, found, value)
    if op == "between":
        least, most = _order("gte", found, value[0]), _order("lte", found, value[1])
        return None if least is None or most is None else least and most
    if op in ("contains", "starts_with", "ends_with"):
        return _text_test(op, found, value)
    if op == "matches":
        return regex(value).search(found) is not None if isinstance(found, str) else None
    if op in ("has_any", "has_all", "has_none"):
        return _list_test(op, found, value)
    if op.startswith("version_"):
        mine, theirs = version(found), version(value)
        return None if mine is None or theirs is None else ordered(op[8:], mine, theirs)
    if op in ("before", "after"):
        its, limit = instant_ms(found), instant_ms(value)
        assert limit is not None
        return None if its is None else (its < limit if op == "before" else its > limit)
    assert op == "within_km", op
    return _within_km(found, value)


def _within_km(found: object, value: list[float]) -> Truth:
    if not isinstance(found, list) or len(found) != 2:
        return None
    place = [number(part) for part in found]
    if place[0] is None or place[1] is None:
        return None
    if not -90 <= place[0] <= 90 or not -180 <= place[1] <= 180:
        return None
    return distance_km([place[0], place[1]], value[:2]) <= value[2]


def compare_timed(op: str, found: object, changed_ms: int | None, value: str, now: int) -> Truth:
    """The operators of traits that need the present instant."""
    if found is None:
        return None
    width = duration_ms(value)
    if op == "changed_within":
        return None if changed_ms is None else now - width < changed_ms <= now
    its = instant_ms(found)
    if its is None:
        return None
    if op == "within_last":
        return now - width < its <= now
    if op == "within_next":
        return now < its <= now + width
    assert op == "anniversary_within", op
    day = from_ms(its).date()
    today = from_ms(now).date()
    if _in_year(day, today.year) == today:
        return True
    coming = min(
        midnight
        for year in (today.year, today.year + 1)
        if (midnight := (_in_year(day, year) - _EPOCH.date()).days * DAY_MS) > now
    )
    return coming <= now + width


def _in_year(day: date, year: int) -> date:
    if (day.month, day.day) == (2, 29) and not _is_leap(year):
        return date(year, 3, 1)
    return day.replace(year=year)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
