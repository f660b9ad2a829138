"""Which windows and matches hold no more events than others, whoever is asked and whenever."""

from __future__ import annotations

from math import inf

from engine.conditions.answers import Truth
from engine.conditions.canonical import match_key, window_key
from engine.conditions.dates import DAY_MS
from engine.conditions.lint_cells import Ask, TooMany, rows_of
from engine.conditions.nodes import (
    ANY_EVENT,
    CalendarUnit,
    FactOf,
    Match,
    Op,
    PropertyTest,
    Window,
    WindowKind,
)
from engine.facts import SESSION_IDLE_MS

# A month back is at least so long, and at most.
SHORTEST_MONTH_MS = 28 * DAY_MS
_LONGEST_MONTH_MS = 31 * DAY_MS
# The longest that a period can be, with room for clocks that are set back.
_LONGEST_MS = {
    CalendarUnit.DAY: 2 * DAY_MS,
    CalendarUnit.WEEK: 9 * DAY_MS,
    CalendarUnit.MONTH: 33 * DAY_MS,
}


def lies_in(a: Window, b: Window) -> bool:
    """Is every event of window `a` in `b`, at every instant? False: not known."""
    if b.kind is WindowKind.EVER or window_key(a) == window_key(b):
        return True
    match a.kind, b.kind:
        case WindowKind.PAGE_VIEW, WindowKind.SESSION:
            return b.ms in (0, SESSION_IDLE_MS)
        case WindowKind.ABSOLUTE, WindowKind.ABSOLUTE:
            from_ok = b.from_ms is None or (a.from_ms is not None and a.from_ms >= b.from_ms)
            to_ok = b.to_ms is None or (a.to_ms is not None and a.to_ms <= b.to_ms)
            return from_ok and to_ok
        case WindowKind.CALENDAR, WindowKind.CALENDAR:
            # A week may begin in the month before.
            return a.unit is CalendarUnit.DAY and a.is_visitor_zone is b.is_visitor_zone
        case WindowKind.LAST_MONTHS, WindowKind.LAST_MONTHS:
            return a.months <= b.months
    far, near = _farthest_ms(a), _least_near_ms(a)
    if far is None:
        return False
    match b.kind:
        case WindowKind.LAST:
            return far <= b.ms
        case WindowKind.LAST_MONTHS:
            return far <= b.months * SHORTEST_MONTH_MS
        case WindowKind.BETWEEN_AGO:
            return far <= b.ms and near >= b.near_ms
    return False


def _farthest_ms(window: Window) -> int | None:
    """No event of the window is so long ago, or longer; None: any may be."""
    match window.kind:
        case WindowKind.LAST | WindowKind.BETWEEN_AGO:
            return window.ms
        case WindowKind.LAST_MONTHS:
            return window.months * _LONGEST_MONTH_MS
        case WindowKind.CALENDAR if window.unit is not None:
            return _LONGEST_MS[window.unit]
    return None


def _least_near_ms(window: Window) -> int:
    """Every event of the window is at least so long ago."""
    return window.near_ms if window.kind is WindowKind.BETWEEN_AGO else 0


def ages_of(window: Window) -> tuple[int, float]:
    """The least and greatest age in ms that an event of the window can have."""
    far = _farthest_ms(window)
    return _least_near_ms(window), inf if far is None else far - 1


def holds_ages(window: Window) -> float:
    """An event that is less old than this in ms is in the window; 0: not known of any."""
    match window.kind:
        case WindowKind.EVER:
            return inf
        case WindowKind.LAST:
            return window.ms
        case WindowKind.LAST_MONTHS:
            return window.months * SHORTEST_MONTH_MS
    return 0


# Matches


class Matches:
    """Comparisons of event matches, each worked out once."""

    def __init__(self) -> None:
        self._within: dict[tuple[str, str], bool] = {}
        self._possible: dict[str, bool] = {}

    def key(self, match: Match) -> str:
        return match_key(match.name, match.where)

    def is_possible(self, match: Match) -> bool:
        """Can any event meet it? True: not known to be impossible."""
        key = self.key(match)
        known = self._possible.get(key)
        if known is None:
            known = self._possible[key] = _is_possible(match)
        return known

    def lies_in(self, a: Match, key_a: str, b: Match, key_b: str) -> bool:
        """Does every event that meets `a` meet `b`? False: not known."""
        if key_a == key_b:
            return True
        if b.name not in (ANY_EVENT, a.name):
            return False
        if not b.where:
            return True
        known = self._within.get((key_a, key_b))
        if known is None:
            known = all(_implied(a, test) for test in b.where)
            self._within[key_a, key_b] = known
        return known


def _asks(match: Match, name: str) -> list[Ask]:
    return [
        ask_of(test.op, test.value)
        for test in match.where
        if test.property == name and not isinstance(test.value, FactOf)
    ]


def ask_of(op: Op, value: object) -> Ask:
    absent: Truth = None
    if op in (Op.IS_SET, Op.IS_MISSING):
        absent = op is Op.IS_MISSING
    return Ask(op, value, absent)  # type: ignore[arg-type]  # checked by the parser


def _is_possible(match: Match) -> bool:
    for name in {test.property for test in match.where}:
        asks = _asks(match, name)
        try:
            if asks and not any(set(row) == {True} for row in rows_of(asks)):
                return False
        except TooMany:
            continue
    return True


def _implied(a: Match, test: PropertyTest) -> bool:
    if isinstance(test.value, FactOf):
        own = match_key("", (test,))
        return any(
            match_key("", (each,)) == own for each in a.where if isinstance(each.value, FactOf)
        )
    asks = [*_asks(a, test.property), ask_of(test.op, test.value)]
    try:
        return not any(set(row[:-1]) <= {True} and row[-1] is not True for row in rows_of(asks))
    except TooMany:
        return False
