"""What features say of somebody in the middle of a visit, from the newest events at hand.

The twin of the SQL for the names that are worked out online: same names, same meaning, and no
numpy, because web processes import it. Newest events are the (at most 100) that travel with a hot
profile; whoever did more in the window is counted by the newest of it.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.facts import SESSION_IDLE_MS, Happening

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DEFAULT_WINDOW_DAYS: Final = 60
NEWEST: Final = 100  # events of which a visit is told

_NAN: Final = math.nan


@dataclass(frozen=True, slots=True)
class _Asked:
    """The events that are asked about.

    Attributes:
        window: those of the window, ascending by time.
        visit: those of the visit under way, empty when there is none.
        local: what the site's clock shows.
        last_ms, counts: by event name, in the window. Each event is looked at once for them, not
            once for each feature: a visitor waits.
        categories: how many events of the window have each category.
    """

    window: Sequence[Happening]
    visit: Sequence[Happening]
    now_ms: int
    local: datetime
    last_ms: Mapping[str, int]
    counts: Mapping[str, int]
    categories: Mapping[object, int]


def session_row(
    recent: Sequence[Happening],
    context: Mapping[str, object],
    names: Sequence[str],
    now_ms: int,
) -> list[float]:
    """Return the features of these names, NaN where there is nothing to measure.

    Args:
        recent: the newest events, ascending by time; later ones than `now_ms` are left out, and so
            are exposures. Categories are told by the property "category".
        context: "window_days" (60), and "zone", the site's time zone (UTC).
        names: of features that are worked out online.
        now_ms: the moment, Unix milliseconds.

    Raises:
        KeyError: a name that is not worked out online.
    """
    asked = _asked(recent, context, now_ms)
    return [_value(name, asked) for name in names]


def is_online(name: str) -> bool:
    """Whether `session_row` works a feature of this name out."""
    prefix, colon, value = name.partition(":")
    return name in _PLAIN if not colon else bool(value) and prefix in _NAMED


def _asked(recent: Sequence[Happening], context: Mapping[str, object], now_ms: int) -> _Asked:
    days = context.get("window_days")
    window_ms = (days if isinstance(days, int) else DEFAULT_WINDOW_DAYS) * DAY_MS
    known = [one for one in recent if one.at_ms <= now_ms and one.name != "Exposure"]
    window = [one for one in known if one.at_ms >= now_ms - window_ms]
    local = datetime.fromtimestamp(now_ms / 1000, _zone(context.get("zone")))
    return _Asked(
        window,
        _visit(known[-NEWEST:], now_ms),
        now_ms,
        local,
        {one.name: one.at_ms for one in window},
        Counter(one.name for one in window),
        Counter(map(_category, window)),
    )


def _visit(known: Sequence[Happening], now_ms: int) -> Sequence[Happening]:
    """The newest events, each less than an idle time before the next: of the last day at most."""
    later, first = now_ms, len(known)
    while first and later - known[first - 1].at_ms < SESSION_IDLE_MS:
        if known[first - 1].at_ms <= now_ms - DAY_MS:
            break
        first -= 1
        later = known[first].at_ms
    return known[first:]


def _zone(name: object) -> tzinfo:
    if isinstance(name, str) and name != "UTC":
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            return UTC
    return UTC


def _value(name: str, asked: _Asked) -> float:
    prefix, colon, value = name.partition(":")
    return _NAMED[prefix](asked, value) if colon else _PLAIN[name](asked)


def _within(days: int) -> Callable[[_Asked], float]:
    def counted(asked: _Asked) -> float:
        since = asked.now_ms - days * DAY_MS
        return float(sum(one.at_ms >= since for one in asked.window))

    return counted


def _since(happened: Sequence[Happening], now_ms: int) -> float:
    return (now_ms - happened[-1].at_ms) / HOUR_MS if happened else _NAN


def _category(one: Happening) -> object:
    return one.properties.get("category")


def _hour(asked: _Asked) -> float:
    return (asked.local.hour + asked.local.minute / 60) / 24 * math.tau


_PLAIN: Final[Mapping[str, Callable[[_Asked], float]]] = {
    "events": lambda asked: float(len(asked.window)),
    "events_1d": _within(1),
    "events_7d": _within(7),
    "events_30d": _within(30),
    "recency_h": lambda asked: _since(asked.window, asked.now_ms),
    "in_session": lambda asked: float(bool(asked.visit)),
    "session_events": lambda asked: float(len(asked.visit)),
    "session_minutes": lambda asked: (
        (asked.visit[-1].at_ms - asked.visit[0].at_ms) / 60_000 if asked.visit else 0.0
    ),
    "session_categories": lambda asked: float(
        len({_category(one) for one in asked.visit} - {None})
    ),
    "hour_sin": lambda asked: math.sin(_hour(asked)),
    "hour_cos": lambda asked: math.cos(_hour(asked)),
    "is_weekend": lambda asked: float(asked.local.weekday() >= 5),
}
_NAMED: Final[Mapping[str, Callable[[_Asked, str], float]]] = {
    "count": lambda asked, value: float(asked.counts.get(value, 0)),
    "since_h": lambda asked, value: (
        (asked.now_ms - asked.last_ms[value]) / HOUR_MS if value in asked.last_ms else _NAN
    ),
    "category": lambda asked, value: float(asked.categories.get(value, 0)),
    "last_category": lambda asked, value: float(
        bool(asked.visit) and _category(asked.visit[-1]) == value
    ),
}
