"""Days, weeks and months in a time zone, and months in UTC, on Unix milliseconds.

A day of a zone begins at the first instant whose local date is that day, wherever its midnight is
skipped or met twice, and lasts until the next one begins.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from engine.conditions.nodes import CalendarUnit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY_MS = 86_400_000


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: object) -> bool:
    """Is it the IANA name of a time zone this installation knows?"""
    return isinstance(name, str) and name in _names()


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def as_utc(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)


def as_ms(moment: datetime) -> int:
    return (moment - EPOCH) // MS


def local_day(at_ms: int, zone: str) -> int:
    """The local date of an instant, as a proleptic Gregorian ordinal (`date.toordinal`)."""
    return as_utc(at_ms).astimezone(_zone(zone)).toordinal()


def day_start(day: int, zone: str) -> int:
    """The first instant whose local date is `day` (an ordinal) or, if that is skipped, later."""
    midnight = datetime.combine(date.fromordinal(day), datetime.min.time(), _zone(zone))
    start = as_ms(midnight)
    if local_day(start - 1, zone) < day <= local_day(start, zone):
        return start
    # The clocks jumped over this midnight, or a whole day was left out.
    low, high = start - 2 * DAY_MS, start + 2 * DAY_MS
    while high - low > 1:
        middle = (low + high) // 2
        if local_day(middle, zone) < day:
            low = middle
        else:
            high = middle
    return high


# (unit, zone) -> the period last asked for: [start, end). Nearly every question is about now.
_latest: dict[tuple[CalendarUnit, str], tuple[int, int]] = {}


def calendar_period(now_ms: int, unit: CalendarUnit, zone: str) -> tuple[int, int]:
    """[start, end) in ms of the day, week (from Monday) or month of an instant in a zone."""
    period = _latest.get((unit, zone))
    if period is None or not period[0] <= now_ms < period[1]:
        period = _latest[unit, zone] = _period(now_ms, unit, zone)
    return period


def _period(now_ms: int, unit: CalendarUnit, zone: str) -> tuple[int, int]:
    first = _first_day(local_day(now_ms, zone), unit)
    start = day_start(first, zone)
    while True:
        first = _first_day(first + _LONGEST[unit], unit)
        end = day_start(first, zone)
        if now_ms < end:
            return start, end
        # Clocks turned back over midnight: the new day has begun all the same.
        start = end


_LONGEST = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31}


def _first_day(day: int, unit: CalendarUnit) -> int:
    if unit is CalendarUnit.WEEK:
        return day - (day - 1) % 7  # ordinal 1 was a Monday
    if unit is CalendarUnit.MONTH:
        return date.fromordinal(day).replace(day=1).toordinal()
    return day


def calendar_start(now_ms: int, unit: CalendarUnit, zone: str) -> int:
    """The first instant of the period that holds `now_ms`."""
    return calendar_period(now_ms, unit, zone)[0]


def calendar_end(now_ms: int, unit: CalendarUnit, zone: str) -> int:
    """The first instant of the period after the one that holds `now_ms`."""
    return calendar_period(now_ms, unit, zone)[1]


def months_before(now_ms: int, n: int) -> int:
    """The same UTC day and time n months earlier.

    Where that month has no such day: the first instant of the month after it.
    """
    moment = as_utc(now_ms)
    month = moment.year * 12 + moment.month - 1 - n
    if moment.day > _length(month):
        return _month_start(month + 1)
    return as_ms(moment.replace(year=month // 12, month=month % 12 + 1))


def months_after(at_ms: int, n: int) -> int:
    """The first instant t with `months_before(t, n) >= at_ms`: when an event at at_ms leaves."""
    moment = as_utc(at_ms)
    month = moment.year * 12 + moment.month - 1
    # The last days of a long month all look back at the first instant of a month.
    if at_ms == _month_start(month) and _length(month - 1) < _length(month - 1 + n):
        return _month_start(month - 1 + n) + _length(month - 1) * DAY_MS
    if moment.day > _length(month + n):
        return _month_start(month + n + 1)
    return as_ms(moment.replace(year=(month + n) // 12, month=(month + n) % 12 + 1))


def _length(month: int) -> int:
    """Days of a month, counted as year x 12 + month - 1."""
    return monthrange(month // 12, month % 12 + 1)[1]


def _month_start(month: int) -> int:
    return as_ms(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))
