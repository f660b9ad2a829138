"""Dates and instants as texts: a day is its midnight UTC, an instant is RFC 3339 with an offset."""

from __future__ import annotations

import re
from datetime import date

DAY_MS = 86_400_000

_EPOCH_DAY = date(1970, 1, 1).toordinal()
# In UTC too: an offset may lead out of the years that a date can have.
_FIRST_MS = (1 - _EPOCH_DAY) * DAY_MS
_LAST_MS = (date.max.toordinal() + 1 - _EPOCH_DAY) * DAY_MS - 1

# Offsets to 15:59 hours, which is what Postgres reads; real ones end at 14:00.
_FORM = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,3}))?"
    r"(?:Z|([+-])(0[0-9]|1[0-5]):([0-5][0-9])))?"
)


def instant_ms(found: object) -> int | None:
    """Return the milliseconds since 1970 of a date or an instant; None for anything else.

    A day that does not exist (2025-02-29) is no date. Years are 0001 to 9999, in UTC too.
    """
    parts = _FORM.fullmatch(found) if isinstance(found, str) else None
    if parts is None:
        return None
    try:
        day = date(int(parts[1]), int(parts[2]), int(parts[3])).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    ms = day * DAY_MS
    if parts[4] is None:
        return ms
    ms += (int(parts[4]) * 60 + int(parts[5])) * 60_000 + int(parts[6]) * 1000
    ms += int((parts[7] or "0").ljust(3, "0"))
    if parts[8] is not None:
        offset = (int(parts[9]) * 60 + int(parts[10])) * 60_000
        ms += -offset if parts[8] == "+" else offset
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def instant_text(ms: int) -> str:
    """Return an instant as RFC 3339 in UTC, with milliseconds where it has some."""
    day, in_day = divmod(ms, DAY_MS)
    seconds, millis = divmod(in_day, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{millis:03}" if millis else ""
    on = date.fromordinal(day + _EPOCH_DAY)
    return f"{on.isoformat()}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


def day_of(ms: int) -> int:
    """Return the UTC day of an instant, counted from 1970-01-01."""
    return ms // DAY_MS


def anniversaries(born_ms: int, now_ms: int) -> list[int]:
    """Midnights UTC of the day and month of an instant, from the year before now to nine after.

    29 February counts as 1 March in common years. Nine years hold every distance that two
    anniversaries can have: leap years are at most eight apart.
    """
    born = date.fromordinal(day_of(born_ms) + _EPOCH_DAY)
    year = date.fromordinal(day_of(now_ms) + _EPOCH_DAY).year
    found = []
    for each in range(max(year - 1, 1), min(year + 9, 9999) + 1):
        try:
            day = date(each, born.month, born.day)
        except ValueError:
            day = date(each, 3, 1)
        found.append((day.toordinal() - _EPOCH_DAY) * DAY_MS)
    return found
