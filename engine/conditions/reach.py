"""How far back in the history conditions look, and whether a loaded part of it is enough."""

from __future__ import annotations

from dataclasses import dataclass

from engine.conditions.dates import DAY_MS
from engine.conditions.nodes import (
    AbsenceLeaf,
    Aggregate,
    CalendarUnit,
    DwellLeaf,
    DwellOn,
    EventLeaf,
    ExperimentLeaf,
    ExposureLeaf,
    Leaf,
    ScoreLeaf,
    SequenceLeaf,
    Window,
    WindowKind,
)
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening

# The longest that a unit can be, with room for clocks that are set back, even over a day's border.
_LONGEST_MS = {
    CalendarUnit.DAY: 2 * DAY_MS,
    CalendarUnit.WEEK: 9 * DAY_MS,
    CalendarUnit.MONTH: 33 * DAY_MS,
}
_LONGEST_MONTH_MS = 31 * DAY_MS


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back a condition looks. All falsy: it needs no history.

    Attributes:
        ever: some leaf counts the whole history, or as far back as nobody knows beforehand.
        session: some leaf counts the open session, however long it is.
        last_ms: the widest rolling window, 0 when there is none.
        idle_ms: the longest idle time of those sessions.
    """

    ever: bool = False
    session: bool = False
    last_ms: int = 0
    idle_ms: int = SESSION_IDLE_MS

    def __bool__(self) -> bool:
        return self.ever or self.session or self.last_ms > 0

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            self.ever or other.ever,
            self.session or other.session,
            max(self.last_ms, other.last_ms),
            max(self.idle_ms, other.idle_ms),
        )


def window_reach(window: Window) -> Reach:
    """How far back a window looks at any instant."""
    match window.kind:
        case WindowKind.LAST | WindowKind.BETWEEN_AGO:
            return Reach(last_ms=window.ms)
        case WindowKind.LAST_MONTHS:
            return Reach(last_ms=window.months * _LONGEST_MONTH_MS)
        case WindowKind.CALENDAR if window.unit is not None:
            return Reach(last_ms=_LONGEST_MS[window.unit])
        case WindowKind.SESSION:
            return Reach(session=True, idle_ms=max(window.ms, SESSION_IDLE_MS))
        case WindowKind.PAGE_VIEW:
            return Reach(session=True)
    # `since` reaches to an event that may be anywhere, the first visit and fixed dates stay behind.
    return Reach(ever=True)


def leaf_reach(leaf: Leaf) -> Reach:
    """How far back one leaf looks; falsy for those that need no history."""
    match leaf:
        case EventLeaf():
            found = window_reach(leaf.window)
            if leaf.aggregate is Aggregate.TREND:
                return Reach(last_ms=2 * leaf.window.ms)
            return found
        case DwellLeaf():
            # Events of a page before the window tell whether and how long it counts.
            pages = leaf.on in (DwellOn.PAGE, DwellOn.SITE)
            return Reach(ever=pages) | window_reach(leaf.window)
        case SequenceLeaf() | AbsenceLeaf() | ExposureLeaf():
            return window_reach(leaf.window)
        case ExperimentLeaf():
            return Reach(ever=True)
        case ScoreLeaf():
            found = Reach()
            for source in leaf.events:
                found |= window_reach(source.window)
            return found
    return Reach()


def covers(facts: Facts, needed: Reach, now_ms: int) -> bool:
    """Does the loaded history hold everything that a condition of this reach can see at now?

    False means: load more events before evaluating; the evaluators take the history as it is.
    """
    held_from = facts.complete_from_ms
    if held_from is None or not needed:
        return True
    if needed.ever or (needed.last_ms and now_ms - needed.last_ms + 1 < held_from):
        return False
    if not needed.session:
        return True
    return _holds_session(facts.as_of(now_ms), held_from, now_ms, needed.idle_ms)


def _holds_session(facts: Facts, held_from_ms: int, now_ms: int, idle_ms: int) -> bool:
    """Is the open session certain, now and after it, whatever came before the held part?

    An event just before that part could still belong to it, or be the latest one with a device. A
    session of a shorter idle time lies within that of the longest.
    """
    history = facts.history
    with_device = next((event for event in reversed(history) if event.device != NO_DEVICE), None)
    alone = next((event for event in reversed(history) if event.device == NO_DEVICE), None)
    if with_device is None and now_ms - (held_from_ms - 1) < idle_ms:
        return False
    # The session of the events without a device may take over when that of the device ends.
    return all(
        now_ms - latest.at_ms >= idle_ms or _holds_chain(facts, latest, held_from_ms, idle_ms)
        for latest in (with_device, alone)
        if latest is not None
    )


def _holds_chain(facts: Facts, latest: Happening, held_from_ms: int, idle_ms: int) -> bool:
    """Does the last piece of the device's chain begin within the held part for certain?"""
    start = latest.at_ms
    for event in reversed(facts.history):
        if event.device == latest.device:
            if start - event.at_ms >= idle_ms:
                return True
            start = event.at_ms
    return start - (held_from_ms - 1) >= idle_ms
