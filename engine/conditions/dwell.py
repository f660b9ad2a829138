"""Dwell: active time on pages or the site, and time in the session, true while it is still open.

A section and an element are sums of an event property (`lower.lowered`) and do not come here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import floor
from typing import TypeAlias

from engine.conditions.answers import FOREVER, Answer, Builder, Finder, Finding, Moments, Part
from engine.conditions.attention import (
    OPEN_MS,
    PAGE_EVENTS,
    PAGE_HEARTBEAT,
    PAGE_LEFT,
    PAGE_VIEWED,
    Attention,
    Exact,
    active_ms,
    as_value,
    attention_loader,
)
from engine.conditions.nodes import DwellLeaf, DwellOn, Match, Op, Window
from engine.conditions.occurrences import indexes_of
from engine.conditions.operators import typed
from engine.conditions.phases import (
    IN_PHASES,
    LONG,
    Phase,
    changes,
    leaving,
    phases,
    stretch,
    told_by,
)
from engine.conditions.spans import Piece, exact_test, first_flip
from engine.conditions.windows import PAGE_VIEW_ID, indexes_in
from engine.facts import Facts

# The meaning


def _dwell(leaf: DwellLeaf, facts: Facts, now_ms: int) -> Finding:
    """The value is in ms."""
    total, used = _active(leaf, facts, now_ms)
    return Finding(as_value(total), _is_so(leaf, total), used)


def _active(leaf: DwellLeaf, facts: Facts, now_ms: int) -> tuple[Exact, tuple[int, ...]]:
    """The exact time in ms, and the events that it comes from."""
    inside = indexes_in(leaf.window, facts, now_ms)
    if leaf.on is DwellOn.SESSION:
        return now_ms - facts.history[inside[0]].at_ms if inside else 0, tuple(inside[:1])
    accepted = _accepted(leaf, facts)
    used = [i for i in inside if _is_of_a_page(facts, i) and _page_view(facts, i) in accepted]
    total = sum((_gained(facts, i) for i in used), Fraction(0))
    latest = _latest_of_a_page(facts)
    if latest in used and facts.history[latest].name != PAGE_LEFT:
        total += min(now_ms - facts.history[latest].at_ms, OPEN_MS)
    return total, tuple(used)


def _is_so(leaf: DwellLeaf, total: Exact) -> bool:
    limits = thresholds(leaf)
    match leaf.op:
        case Op.GT:
            return total > limits[0]
        case Op.GTE:
            return total >= limits[0]
        case Op.LT:
            return total < limits[0]
        case Op.LTE:
            return total <= limits[0]
    return limits[0] <= total <= limits[1]


def _is_of_a_page(facts: Facts, i: int) -> bool:
    event = facts.history[i]
    return event.name in PAGE_EVENTS and _page_view(facts, i) is not None


def _page_view(facts: Facts, i: int) -> object:
    return typed(facts.history[i].properties.get(PAGE_VIEW_ID))


def _latest_of_a_page(facts: Facts) -> int:
    """The index of the latest event of any page view, -1 when there is none."""
    return max((i for i in range(len(facts.history)) if _is_of_a_page(facts, i)), default=-1)


def _accepted(leaf: DwellLeaf, facts: Facts) -> set[object]:
    """The page views that the leaf counts. Of several `Page Viewed` of one the first decides."""
    if leaf.on is DwellOn.SITE:
        return {_page_view(facts, i) for i in range(len(facts.history))}
    first: dict[object, int] = {}
    for i in reversed(indexes_of(Match(PAGE_VIEWED), facts)):
        first[_page_view(facts, i)] = i
    meeting = indexes_of(Match(PAGE_VIEWED, leaf.where), facts)
    return {page_view for page_view, i in first.items() if i in meeting}


def _gained(facts: Facts, i: int) -> Fraction:
    """What the event adds to the active time of its page view, in ms."""
    event = facts.history[i]
    if event.name == PAGE_VIEWED:
        return Fraction(0)
    own = Fraction(active_ms(event))
    if event.name == PAGE_HEARTBEAT:
        return own
    known = sum(
        Fraction(active_ms(facts.history[k]))
        for k in indexes_of(Match(PAGE_HEARTBEAT), facts)
        if k < i and _page_view(facts, k) == _page_view(facts, i)
    )
    return max(Fraction(0), own - known)


def _moments(leaf: DwellLeaf, facts: Facts, now_ms: int) -> set[int]:
    """Where an event leaves the window, the open page stops counting, or a threshold is met."""
    if len(facts.history) > LONG:
        return told_by(dwell_part(leaf), facts, now_ms)
    used = [i for i in range(len(facts.history)) if _is_of_a_page(facts, i)]
    found = changes(leaf.window, facts, used)
    grows_until_ms = max(found, default=now_ms)
    if leaf.on is not DwellOn.SESSION:
        latest = _latest_of_a_page(facts)
        grows_until_ms = facts.history[latest].at_ms + OPEN_MS if latest >= 0 else now_ms
        found.add(grows_until_ms)
    for from_ms in [now_ms, *found]:
        if now_ms <= from_ms < grows_until_ms:
            total, _ = _active(leaf, facts, from_ms)
            for threshold in thresholds(leaf):
                meets_ms = from_ms + floor(threshold - total)
                found = found | {meets_ms, meets_ms + 1}
    return {moment for moment in found if moment > now_ms}


def thresholds(leaf: DwellLeaf) -> tuple[int, ...]:
    """The durations it is compared with, in ms."""
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return tuple(int(value) for value in values if isinstance(value, int | float))


# The same as closures

Pieces: TypeAlias = Callable[[Facts, int], Iterator[Piece]]  # from (facts, now_ms) on


def dwell_part(leaf: DwellLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    limits = thresholds(leaf)
    test = exact_test(leaf.op, limits)
    pieces = _session_pieces(leaf) if leaf.on is DwellOn.SESSION else _page_pieces(leaf)

    def dwell(facts: Facts, now_ms: int) -> Answer:
        return first_flip(pieces(facts, now_ms), test, limits)

    return dwell


def _session_pieces(leaf: DwellLeaf) -> Pieces:
    window = leaf.window

    def pieces(facts: Facts, now_ms: int) -> Iterator[Piece]:
        from_ms = now_ms
        for phase in phases(window, facts):
            if phase.until_ms > from_ms:
                yield Piece(from_ms, phase.until_ms, from_ms - phase.first_ms, True)
                from_ms = phase.until_ms
        yield Piece(from_ms, FOREVER, 0, False)

    return pieces


def _page_pieces(leaf: DwellLeaf) -> Pieces:
    load, window = attention_loader(leaf), leaf.window
    if window.kind in IN_PHASES:
        return lambda facts, now_ms: _of_phases(load(facts), phases(window, facts), now_ms)
    where = stretch(window)

    def pieces(facts: Facts, now_ms: int) -> Iterator[Piece]:
        return _of_stretch(load(facts), window, where(facts, now_ms), facts, now_ms)

    return pieces


def _of_phases(attention: Attention, found: list[Phase], now_ms: int) -> Iterator[Piece]:
    from_ms = now_ms
    for phase in found:
        if phase.until_ms <= from_ms:
            continue
        base: Exact = sum(
            gain
            for event, gain in zip(attention.events, attention.gains, strict=True)
            if phase.holds(event)
        )
        latest = attention.latest
        if latest is not None and phase.holds(latest):
            yield from _opened(base, latest.at_ms, from_ms, phase.until_ms)
        else:
            yield Piece(from_ms, phase.until_ms, base, False)
        from_ms = phase.until_ms
    if from_ms != FOREVER:
        yield Piece(from_ms, FOREVER, 0, False)


def _opened(base: Exact, open_ms: int, from_ms: int, until_ms: int) -> Iterator[Piece]:
    """An open page on top of what is known, until the window changes."""
    full_ms = open_ms + OPEN_MS
    if from_ms < full_ms:
        yield Piece(from_ms, min(full_ms, until_ms), base + from_ms - open_ms, True)
    if full_ms < until_ms:
        yield Piece(max(from_ms, full_ms), until_ms, base + OPEN_MS, False)


def _of_stretch(
    attention: Attention, window: Window, bounds: tuple[int, int], facts: Facts, now_ms: int
) -> Iterator[Piece]:
    """From each leaving of an event to the next; all events are in the past, so none enters."""
    after_ms, until_ms = bounds
    times, rest = attention.times, attention.rest
    first, end = bisect_right(times, after_ms), bisect_right(times, until_ms)
    open_ms, closes_ms = now_ms, now_ms
    if attention.latest is not None and after_ms < attention.latest.at_ms <= until_ms:
        open_ms = attention.latest.at_ms
        closes_ms = leaving(window, open_ms, facts)
    from_ms = now_ms
    while from_ms != FOREVER:
        next_ms = leaving(window, times[first], facts) if first < end else FOREVER
        base = rest[first] - rest[end]
        if from_ms < closes_ms:
            next_ms = min(next_ms, closes_ms)
            yield from _opened(base, open_ms, from_ms, next_ms)
        else:
            yield Piece(from_ms, next_ms, base, False)
        from_ms = next_ms
        while first < end and leaving(window, times[first], facts) <= from_ms:
            first += 1


FINDERS: dict[type, Finder] = {DwellLeaf: _dwell}
MOMENTS: dict[type, Moments] = {DwellLeaf: _moments}
BUILDERS: dict[type, Builder] = {DwellLeaf: dwell_part}
