"""Legal clocks: from the day of receipt to the days by which the law wants an answer. Pure.

The law counts days, so everything here is dates of the site's zone; only their ends are instants.

- GDPR article 12(3): one month from receipt, the same day of the next month, the last day where it
  has none; two more from receipt if the person is told why inside the first.
- California, 11 CCR 7021: receipt confirmed in 10 business days, answered in 45 calendar days, in
  90 with notice; 11 CCR 7026(f), 7027(g): an opt-out of sale and a limit of sensitive data in 15
  business days.
"""

from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

GDPR: Final = "gdpr"
CCPA: Final = "ccpa"
INTERNAL: Final = timedelta(hours=72)
# Rights that stop something at once, for which California sets business days.
_STOPPING: Final = frozenset({"opt_out", "limit"})
_CONFIRM_DAYS: Final = 10
_STOP_DAYS: Final = 15
_CCPA_DAYS: Final = 45
_CCPA_MOST_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Clock:
    """The days of one request; each counts until its end in `zone`.

    Attributes:
        confirm_by: when receipt must have been confirmed; None where the law does not ask for it.
        due: the last day to answer, to refuse, or to say that it takes longer.
        extended_due: the last day once the person was told why; the same as `due` where no
            extension is allowed.
        internal_due: the house's own target.
        reminders: (kind, day), none on or before the day of receipt, none twice.
    """

    received: date
    zone: str
    confirm_by: date | None
    due: date
    extended_due: date
    internal_due: date
    reminders: tuple[tuple[str, date], ...]


def clock_of(
    regulation: str,
    received_on: date,
    zone: str = "UTC",
    holidays: Collection[date] = (),
    *,
    kind: str = "",
) -> Clock:
    """Return the clock of a request received on a day of the zone.

    Args:
        regulation: "gdpr" or "ccpa".
        holidays: days that are no business days, beside Saturdays and Sundays.
        kind: what is asked for; California's opt-outs have a clock of their own.

    Raises:
        ValueError: another regulation.
    """
    if regulation == GDPR:
        confirm, due = None, add_months(received_on, 1)
        longest = add_months(received_on, 3)
    elif regulation == CCPA and kind in _STOPPING:
        confirm = None
        due = longest = add_business_days(received_on, _STOP_DAYS, holidays)
    elif regulation == CCPA:
        confirm = add_business_days(received_on, _CONFIRM_DAYS, holidays)
        due = received_on + timedelta(days=_CCPA_DAYS)
        longest = received_on + timedelta(days=_CCPA_MOST_DAYS)
    else:
        raise ValueError(f"no clock for {regulation!r}")
    reminders = list(reminders_between(received_on, due))
    if confirm is not None:
        reminders.append(("confirm", confirm - timedelta(days=1)))
    return Clock(
        received=received_on,
        zone=zone,
        confirm_by=confirm,
        due=due,
        extended_due=longest,
        internal_due=received_on + INTERNAL,
        reminders=tuple(sorted(reminders, key=lambda one: one[1])),
    )


def reminders_between(begins: date, due: date) -> tuple[tuple[str, date], ...]:
    """Return the days on which to remind: half the time, seven days and one day before the end.

    Of two on one day the more urgent stays; none is on the day it begins or before.
    """
    wanted = (
        ("day", due - timedelta(days=1)),
        ("week", due - timedelta(days=7)),
        ("half", begins + timedelta(days=(due - begins).days // 2)),
    )
    found: dict[date, str] = {}
    for name, day in wanted:
        if day > begins:
            found.setdefault(day, name)
    return tuple((name, day) for day, name in sorted(found.items()))


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, the last day of the month where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_business_days(day: date, count: int, holidays: Collection[date] = ()) -> date:
    """Return the `count`-th business day after a day; Saturdays, Sundays and holidays are none."""
    left = count
    while left > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in holidays:
            left -= 1
    return day


def day_of(at: datetime, zone: str) -> date:
    """Return the day that an instant belongs to in a zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def begin_of(day: date, zone: str) -> datetime:
    """Return the first instant of a day in a zone, in UTC.

    Where the clocks skip midnight, or the whole day (a zone that crossed the date line), it is the
    instant of the skip: nobody's clock shows an earlier one of that day.
    """
    place = ZoneInfo(zone)
    first = datetime.combine(day, time(0), place)
    found = first.astimezone(UTC)
    if found.astimezone(place).replace(tzinfo=None) == first.replace(tzinfo=None):
        return found
    # In a gap Python reckons by the offset of before it: what it found is not before the skip.
    return _skip_between(found - timedelta(days=1, hours=2), found, place, day)


def end_of(day: date, zone: str) -> datetime:
    """Return the instant at which a day is over in a zone, in UTC: the next day's first."""
    return begin_of(day + timedelta(days=1), zone)


def _skip_between(early: datetime, late: datetime, place: ZoneInfo, day: date) -> datetime:
    """The first whole second at which it is `day` or later there."""
    low, high = int(early.timestamp()), int(late.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, place).date() >= day:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)
