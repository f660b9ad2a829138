"""Which events a window holds at an instant: the meaning, written to be read.

All functions take facts that hold no event after now. See docs/conditions.md, "Windows".
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.conditions.calendars import (
    calendar_end,
    calendar_period,
    calendar_start,
    is_zone,
    months_after,
    months_before,
)
from engine.conditions.nodes import (
    ANY_EVENT,
    CalendarUnit,
    FactOf,
    Match,
    PropertyTest,
    Window,
    WindowKind,
)
from engine.conditions.operators import compare, typed
from engine.conditions.sessions import open_session, visits
from engine.facts import SESSION_IDLE_MS, Facts, Happening

__all__ = [
    "PAGE_VIEW_ID",
    "bounds",
    "calendar_end",
    "calendar_period",
    "calendar_start",
    "enters_at",
    "idle_of",
    "indexes_in",
    "leaves_at",
    "meets",
    "months_after",
    "months_before",
    "zone_of",
]

PAGE_VIEW_ID = "page_view_id"


def meets(match: Match, event: Happening, context: Mapping[str, object]) -> bool:
    """Is it an event of this match? `context` is read by filters that compare with a fact."""
    return match.name in (ANY_EVENT, event.name) and all(
        _passes(test, event, context) for test in match.where
    )


def _passes(test: PropertyTest, event: Happening, context: Mapping[str, object]) -> bool:
    found = event.properties.get(test.property)
    if isinstance(test.value, FactOf):
        fact = context.get(test.value.name)
        # Typed, so that a list among the facts equals nothing.
        return found is not None and fact is not None and typed(found) == typed(fact)
    return compare(test.op, found, test.value) is True


def zone_of(window: Window, facts: Facts) -> str:
    """The zone of a calendar window: the visitor's where it asks for it and it is known."""
    if window.is_visitor_zone:
        zone = facts.traits.get("timezone")
        if isinstance(zone, str) and is_zone(zone):
            return zone
    return facts.site_zone


def idle_of(window: Window) -> int:
    """The idle time in ms that ends a session of this window."""
    return window.ms if window.kind is WindowKind.SESSION and window.ms else SESSION_IDLE_MS


def unit_of(window: Window) -> CalendarUnit:
    """The unit of a calendar window."""
    assert window.unit is not None
    return window.unit


def indexes_in(window: Window, facts: Facts, now_ms: int) -> list[int]:
    """The indexes of the events in the window at now, whatever their name, ascending."""
    match window.kind:
        case WindowKind.SESSION:
            return open_session(facts, now_ms, idle_of(window))
        case WindowKind.VISIT:
            found = visits(facts)
            n = window.visit - 1 if window.visit > 0 else window.visit
            return found[n] if -len(found) <= n < len(found) else []
        case WindowKind.PAGE_VIEW:
            return _page_view(facts, now_ms)
    after_ms, until_ms = bounds(window, facts, now_ms)
    return [
        i
        for i, event in enumerate(facts.history)
        if (after_ms is None or event.at_ms > after_ms) and event.at_ms <= until_ms
    ]


def _page_view(facts: Facts, now_ms: int) -> list[int]:
    session = open_session(facts, now_ms)
    ids = [typed(facts.history[i].properties.get(PAGE_VIEW_ID)) for i in session]
    known = [page_view for page_view in ids if page_view is not None]
    if not known:
        return []
    return [i for i, page_view in zip(session, ids, strict=True) if page_view == known[-1]]


def bounds(window: Window, facts: Facts, now_ms: int) -> tuple[int | None, int]:
    """(after_ms, until_ms): the window holds the events later than the one (None: all), up to the
    other. For windows that are a stretch of time only: not session, visit and page_view.
    """
    match window.kind:
        case WindowKind.EVER:
            return None, now_ms
        case WindowKind.LAST:
            return now_ms - window.ms, now_ms
        case WindowKind.LAST_MONTHS:
            return months_before(now_ms, window.months), now_ms
        case WindowKind.BETWEEN_AGO:
            return now_ms - window.ms, now_ms - window.near_ms
        case WindowKind.CALENDAR:
            return calendar_start(now_ms, unit_of(window), zone_of(window, facts)) - 1, now_ms
        case WindowKind.SINCE:
            assert window.since is not None
            return _latest_of(window.since, facts), now_ms
        case WindowKind.ABSOLUTE:
            after_ms = None if window.from_ms is None else window.from_ms - 1
            return after_ms, now_ms if window.to_ms is None else min(now_ms, window.to_ms - 1)
    raise AssertionError(f"{window.kind} is no stretch of time")


def _latest_of(match: Match, facts: Facts) -> int | None:
    times = [event.at_ms for event in facts.history if meets(match, event, facts.context)]
    return times[-1] if times else None


def leaves_at(window: Window, at_ms: int, facts: Facts) -> int | None:
    """When an event at `at_ms`, now in the window, leaves it if nothing happens; None: never.

    For the windows of `bounds`.
    """
    match window.kind:
        case WindowKind.LAST | WindowKind.BETWEEN_AGO:
            return at_ms + window.ms
        case WindowKind.LAST_MONTHS:
            return months_after(at_ms, window.months)
        case WindowKind.CALENDAR:
            return calendar_end(at_ms, unit_of(window), zone_of(window, facts))
        case WindowKind.EVER | WindowKind.SINCE | WindowKind.ABSOLUTE:
            return None
    raise AssertionError(f"{window.kind} is no stretch of time")


def enters_at(window: Window, at_ms: int) -> int:
    """When an event at `at_ms` enters the window: later than it happens for `between_ago` only."""
    return at_ms + window.near_ms
