"""What becomes of an event leaf's aggregate while time passes and nothing happens.

A timeline is the phases from now on: (from_ms, until_ms, state), each beginning where the one
before ends, the last one ending at FOREVER. The first may begin before now. The state is that of
the leaf's series (`aggregate_states`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from engine.conditions.aggregate_states import share
from engine.conditions.answers import FOREVER
from engine.conditions.calendars import calendar_period, months_after, months_before
from engine.conditions.nodes import Aggregate, EventLeaf, Match, Window, WindowKind
from engine.conditions.operators import typed
from engine.conditions.series import Select, Source, matches_loader
from engine.conditions.sessions import Piece, latest_tails, pieces
from engine.conditions.sliding import Column, column_of, ratio_of
from engine.conditions.windows import PAGE_VIEW_ID, idle_of, unit_of, zone_of
from engine.facts import NO_DEVICE, Facts, Happening

Phase: TypeAlias = tuple[int, int, object]
Timeline: TypeAlias = Callable[[Facts, int], Iterator[Phase]]
State: TypeAlias = Callable[[Facts], object]


def timeline_of(leaf: EventLeaf) -> Timeline:
    """Return the leaf's timeline as a function of (facts, now_ms)."""
    source = Source(leaf)
    window = leaf.window
    if leaf.aggregate is Aggregate.TREND:
        return _trend(source, window.ms)
    match window.kind:
        case WindowKind.LAST:
            return _rolling(source, window.ms)
        case WindowKind.LAST_MONTHS:
            return _months(source, window.months)
        case WindowKind.BETWEEN_AGO:
            return _sliding(source, leaf)
        case WindowKind.CALENDAR:
            return _calendar(source, window)
        case WindowKind.SESSION | WindowKind.PAGE_VIEW:
            return _sessions(source, window)
    state = lasting_state(leaf, source)

    def always(facts: Facts, now_ms: int) -> Iterator[Phase]:
        yield now_ms, FOREVER, state(facts)

    return always


LASTING = frozenset({WindowKind.EVER, WindowKind.SINCE, WindowKind.ABSOLUTE, WindowKind.VISIT})


def lasting_state(leaf: EventLeaf, source: Source) -> State:
    """Return the state of a window that time does not change (`LASTING`)."""
    window = leaf.window
    match window.kind:
        case WindowKind.EVER:
            return lambda facts: source.series(facts)[1][0]
        case WindowKind.SINCE:
            assert window.since is not None
            return _since(source, window.since)
        case WindowKind.ABSOLUTE:
            return _absolute(source, window)
        case WindowKind.VISIT:
            return _visit(source, window.visit)
    raise AssertionError(f"time changes {window.kind}")


def _since(source: Source, since: Match) -> State:
    latest = matches_loader(since)

    def state(facts: Facts) -> object:
        times, states = source.series(facts)
        found = latest(facts)
        return states[bisect_right(times, found[-1].at_ms) if found else 0]

    return state


def _absolute(source: Source, window: Window) -> State:
    from_ms = -FOREVER if window.from_ms is None else window.from_ms
    to_ms = FOREVER if window.to_ms is None else window.to_ms
    name = f"absolute|{from_ms}|{to_ms}|"

    def select(events: list[Happening]) -> list[Happening]:
        return [event for event in events if from_ms <= event.at_ms < to_ms]

    return lambda facts: source.of_part(facts, name, select)[1][0]


def _visit(source: Source, number: int) -> State:
    name = f"visit|{number}|"
    n = number - 1 if number > 0 else number

    def state(facts: Facts) -> object:
        found = pieces(facts)
        if not -len(found) <= n < len(found):
            return source.of_part(facts, "nothing|", _nothing)[1][0]
        return source.of_part(facts, name, _in_piece(found[n]))[1][0]

    return state


def _in_piece(piece: Piece) -> Select:
    first_ms, device, last_ms = piece

    def select(events: list[Happening]) -> list[Happening]:
        return [
            event
            for event in events
            if first_ms <= event.at_ms <= last_ms and event.device in (device, NO_DEVICE)
        ]

    return select


def _nothing(events: list[Happening]) -> list[Happening]:
    return []


def _rolling(source: Source, width_ms: int) -> Timeline:
    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        times, states = source.series(facts)
        start, i, count = now_ms, bisect_right(times, now_ms - width_ms), len(times)
        while i < count:
            at_ms = times[i]
            yield start, at_ms + width_ms, states[i]
            start = at_ms + width_ms
            i = bisect_right(times, at_ms, i)
        yield start, FOREVER, states[count]

    return timeline


def _months(source: Source, months: int) -> Timeline:
    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        times, states = source.series(facts)
        start, count = now_ms, len(times)
        i = bisect_right(times, months_before(now_ms, months))
        while i < count:
            leaves_at = months_after(times[i], months)
            # Several days of a long month may leave at one instant.
            if leaves_at > start:
                yield start, leaves_at, states[i]
                start = leaves_at
            i = bisect_right(times, times[i], i)
        yield start, FOREVER, states[count]

    return timeline


def _calendar(source: Source, window: Window) -> Timeline:
    unit = unit_of(window)

    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        start, end = calendar_period(now_ms, unit, zone_of(window, facts))
        times, states = source.series(facts)
        i = bisect_left(times, start)
        if i < len(times):
            yield now_ms, end, states[i]
            yield end, FOREVER, states[-1]
        else:
            yield now_ms, FOREVER, states[-1]

    return timeline


def _sliding(source: Source, leaf: EventLeaf) -> Timeline:
    far_ms, near_ms = leaf.window.ms, leaf.window.near_ms
    state_of = _sliding_state(source, leaf)

    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        times, state = state_of(facts)
        edges = {at_ms + shift for at_ms in times for shift in (near_ms, far_ms)}
        start = now_ms
        for edge in sorted(edge for edge in edges if edge > now_ms):
            yield start, edge, state(start - far_ms, start - near_ms)
            start = edge
        yield start, FOREVER, state(start - far_ms, start - near_ms)

    return timeline


# (after_ms, until_ms) -> the state of the events in (after, until].
InStretch: TypeAlias = Callable[[int, int], object]


def _sliding_state(
    source: Source, leaf: EventLeaf
) -> Callable[[Facts], tuple[Sequence[int], InStretch]]:
    """Return facts -> (times that matter, state of a stretch of time)."""
    key = f"column|{source.key}"

    def ratio(facts: Facts) -> tuple[Sequence[int], InStretch]:
        events, over = source.load(facts), source.over(facts) or []
        return [event.at_ms for event in events + over], ratio_of(events, over)

    def other(facts: Facts) -> tuple[Sequence[int], InStretch]:
        column: Column | None = facts.cache.get(key) if source.is_kept else None
        if column is None:
            column = facts.cache[key] = column_of(leaf, source.load(facts), facts.site_zone)
        times, stretch = column
        return times, lambda after_ms, until_ms: stretch(
            bisect_right(times, after_ms), bisect_right(times, until_ms)
        )

    return other if leaf.over is None else ratio


def _trend(source: Source, width_ms: int) -> Timeline:
    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        times = [event.at_ms for event in source.load(facts)]

        def state(at_ms: int) -> object:
            middle = bisect_right(times, at_ms - width_ms)
            before = middle - bisect_right(times, at_ms - 2 * width_ms)
            return share(len(times) - middle, before)

        edges = {at_ms + ahead for at_ms in times for ahead in (width_ms, 2 * width_ms)}
        start = now_ms
        for edge in sorted(edge for edge in edges if edge > now_ms):
            yield start, edge, state(start)
            start = edge
        yield start, FOREVER, state(start)

    return timeline


def _sessions(source: Source, window: Window) -> Timeline:
    state = session_states(source, window)
    idle_ms = idle_of(window)

    def timeline(facts: Facts, now_ms: int) -> Iterator[Phase]:
        tails = latest_tails(facts, idle_ms)
        start = now_ms
        if start < tails.ends_ms:
            yield start, tails.ends_ms, state(facts, False)
            start = tails.ends_ms
        if start < tails.lone_ends_ms:
            yield start, tails.lone_ends_ms, state(facts, True)
            start = tails.lone_ends_ms
        yield start, FOREVER, source.of_part(facts, "nothing|", _nothing)[1][0]

    return timeline


def session_states(source: Source, window: Window) -> Callable[[Facts, bool], object]:
    """Return the state over the session of the latest device or, if so asked, of no device."""
    idle_ms = idle_of(window)
    is_page_view = window.kind is WindowKind.PAGE_VIEW
    names = tuple(f"{window.kind}|{idle_ms}|{lone}|" for lone in ("device", "lone"))

    def state(facts: Facts, is_lone: bool) -> object:
        tails = latest_tails(facts, idle_ms)
        start = tails.lone_first_ms if is_lone else tails.first_ms
        device = NO_DEVICE if is_lone else tails.device

        def select(events: list[Happening]) -> list[Happening]:
            # The session is the tail of its device's events, so its first instant is enough: an
            # event of that device at the same instant has no gap and belongs to it.
            found = [
                event
                for event in events
                if event.at_ms >= start and event.device in (device, NO_DEVICE)
            ]
            if not is_page_view:
                return found
            page_view = _page_view(facts, names[is_lone], start, device)
            return [
                event
                for event in found
                if page_view is not None and typed(event.properties.get(PAGE_VIEW_ID)) == page_view
            ]

        return source.of_part(facts, names[is_lone], select)[1][0]

    return state


def _page_view(facts: Facts, name: str, start: int, device: int) -> object:
    """The latest page view of the session, None when no event of it has one."""
    if name in facts.cache:
        return facts.cache[name]
    found = None
    for event in reversed(facts.history):
        if event.at_ms < start:
            break
        if event.device in (device, NO_DEVICE):
            found = typed(event.properties.get(PAGE_VIEW_ID))
            if found is not None:
                break
    facts.cache[name] = found
    return found
