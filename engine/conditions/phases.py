"""Windows as the compiled paths see them: what is in them, and until when.

Of the kinds of windows, `ever`, `last`, `calendar`, `since` and `absolute` are stretches of time
whose start only moves on: an event in them can but leave. `session`, `page_view` and `visit` hold
a set of events that is the same until an instant: a phase. `between_ago` is neither.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from engine.conditions.answers import FOREVER, Part
from engine.conditions.nodes import Window, WindowKind
from engine.conditions.occurrences import Load, Occurrences, loader
from engine.conditions.operators import typed
from engine.conditions.sessions import NEVER, latest_tails, pieces, session_changes
from engine.conditions.windows import PAGE_VIEW_ID, bounds, enters_at, idle_of, leaves_at
from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening

IN_PHASES = frozenset({WindowKind.SESSION, WindowKind.PAGE_VIEW, WindowKind.VISIT})


class Phase(NamedTuple):
    """What the window holds at [from_ms, until_ms).

    These are the events at [first_ms, last_ms] of these devices and, unless `page_view` is None,
    of that page view (as `typed` gives it).
    """

    from_ms: int
    until_ms: int
    first_ms: int
    last_ms: int
    devices: tuple[int, ...]
    page_view: Hashable = None

    def holds(self, event: Happening) -> bool:
        return (
            self.first_ms <= event.at_ms <= self.last_ms
            and event.device in self.devices
            and (
                self.page_view is None
                or typed(event.properties.get(PAGE_VIEW_ID)) == self.page_view
            )
        )

    def choose(self, occurrences: Occurrences) -> Occurrences:
        """Those of the events that the window holds."""
        return occurrences.kept(self.holds)


def phases(window: Window, facts: Facts) -> list[Phase]:
    """The phases that the window goes through if nothing happens, after them it is empty.

    The first one reaches back for ever: only instants from now on are asked for.
    """
    name = f"phases|{window.kind}|{window.ms}|{window.visit}"
    found: list[Phase] | None = facts.cache.get(name)
    if found is None:
        found = facts.cache[name] = _find(window, facts)
    return found


def _find(window: Window, facts: Facts) -> list[Phase]:
    if window.kind is WindowKind.VISIT:
        return _visit(window.visit, facts)
    sessions = _sessions(facts, idle_of(window))
    if window.kind is WindowKind.SESSION:
        return sessions
    return [_page_view(session, facts) for session in sessions]


def _sessions(facts: Facts, idle_ms: int) -> list[Phase]:
    tails = latest_tails(facts, idle_ms)
    found = []
    if tails.ends_ms != NEVER:
        devices = (tails.device, NO_DEVICE)
        found.append(Phase(NEVER, tails.ends_ms, tails.first_ms, FOREVER, devices))
    if tails.lone_ends_ms > tails.ends_ms:
        first_ms = tails.lone_first_ms
        found.append(Phase(tails.ends_ms, tails.lone_ends_ms, first_ms, FOREVER, (NO_DEVICE,)))
    return found


def _page_view(session: Phase, facts: Facts) -> Phase:
    for event in reversed(facts.history):
        if event.at_ms < session.first_ms:
            break
        page_view = typed(event.properties.get(PAGE_VIEW_ID))
        if page_view is not None and session.holds(event):
            return session._replace(page_view=page_view)
    return session._replace(devices=())  # no page in it: it holds nothing


def _visit(number: int, facts: Facts) -> list[Phase]:
    found = pieces(facts, SESSION_IDLE_MS)
    n = number - 1 if number > 0 else number
    if not -len(found) <= n < len(found):
        return []
    piece = found[n]
    devices = (piece.device, NO_DEVICE)
    return [Phase(NEVER, FOREVER, piece.first_ms, piece.last_ms, devices)]


# From (facts, now_ms): (after_ms, until_ms), the stretch holds the events later than the one, up to
# the other. NEVER and FOREVER where it is open.
Stretch: TypeAlias = Callable[[Facts, int], tuple[int, int]]


def stretch(window: Window) -> Stretch:
    """Return the function that tells where a window that is a stretch of time begins and ends."""
    match window.kind:
        case WindowKind.EVER:
            return lambda facts, now_ms: (NEVER, FOREVER)
        case WindowKind.LAST:
            width = window.ms
            return lambda facts, now_ms: (now_ms - width, FOREVER)
        case WindowKind.ABSOLUTE:
            first = NEVER if window.from_ms is None else window.from_ms - 1
            last = FOREVER if window.to_ms is None else window.to_ms - 1
            return lambda facts, now_ms: (first, last)
        case WindowKind.SINCE:
            assert window.since is not None
            return _since(loader(window.since))

    def moving(facts: Facts, now_ms: int) -> tuple[int, int]:
        after_ms = bounds(window, facts, now_ms)[0]
        assert after_ms is not None
        return after_ms, FOREVER

    return moving


def _since(load: Load) -> Stretch:
    def since(facts: Facts, now_ms: int) -> tuple[int, int]:
        found = load(facts).events
        return (found[-1].at_ms if found else NEVER), FOREVER

    return since


def leaving(window: Window, at_ms: int, facts: Facts) -> int:
    """When an event at `at_ms`, now in such a stretch, leaves it; FOREVER: never."""
    leaves_ms = leaves_at(window, at_ms, facts)
    return FOREVER if leaves_ms is None else leaves_ms


LONG = 200  # events; a trace of a longer history would look at too many instants


def told_by(part: Part, facts: Facts, now_ms: int) -> set[int]:
    """The one instant that the closure of a leaf names, for a trace of a long history.

    Where the histories are short both are computed, and the tests hold them to be the same.
    """
    until_ms = part(facts, now_ms)[1]
    return set() if until_ms == FOREVER else {until_ms}


def changes(window: Window, facts: Facts, indexes: list[int]) -> set[int]:
    """Every instant at which one of these events may enter or leave the window."""
    if window.kind is WindowKind.VISIT:
        return set()
    if window.kind in IN_PHASES:
        return session_changes(facts, idle_of(window))
    found: set[int] = set()
    for at_ms in {facts.history[i].at_ms for i in indexes}:
        if window.kind is WindowKind.BETWEEN_AGO:
            found.add(enters_at(window, at_ms))
        leaves_ms = leaves_at(window, at_ms, facts)
        if leaves_ms is not None:
            found.add(leaves_ms)
    return found
