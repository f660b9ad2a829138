"""Sequences, absences and dwell times, by the book: every match is tried."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tests.engine.oracle.aggregates import durations, exact, exact_sum
from tests.engine.oracle.values import Truth, duration_ms, number, ordered, same
from tests.engine.oracle.windows import (
    IDLE_MS,
    Document,
    Event,
    Seen,
    inside,
    matching,
    meets,
    pieces,
    scalar_of,
)

OPEN_FOR_MS = 10_000  # a page view that says nothing any more counts this long
MOST_MS = 3_600_000  # of one message
PAGE_EVENTS = ("Page Viewed", "Page Heartbeat", "Page Left")


def _takes_part(window: Any, seen: Seen) -> list[int]:
    """The places of the events that may be steps."""
    kinds = ("session", "page_view", "since")
    if window in kinds or (isinstance(window, dict) and any(kind in window for kind in kinds)):
        return inside(window, seen)
    return list(range(len(seen.events)))


def completions(leaf: Document, seen: Seen) -> dict[int, tuple[int, ...]]:
    """Place of the last event -> the match ending there that starts latest, in the window."""
    window = leaf.get("window", "ever")
    part, counted = _takes_part(window, seen), set(inside(window, seen))
    found: dict[int, tuple[int, ...]] = {}
    for match in _matches(leaf, seen, part):
        if counted.issuperset(match):
            found[match[-1]] = max(match, found.get(match[-1], match))
    return found


def _matches(leaf: Document, seen: Seen, part: list[int]) -> Iterator[tuple[int, ...]]:
    steps = leaf["steps"]
    candidates = [matching(step, seen, part) for step in steps]
    gaps = [(gap["after"], matching(gap, seen)) for gap in leaf.get("without", ())]
    sessions = _piece_of(seen) if leaf.get("in_session") else None

    def grown(chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(chosen) == len(steps):
            yield chosen
            return
        for i in candidates[len(chosen)]:
            if not chosen or _may_follow(leaf, seen, chosen, i):
                if chosen and leaf.get("strict") and i != chosen[-1] + 1:
                    continue
                if any(n == len(chosen) and _any_between(at, chosen[-1], i) for n, at in gaps):
                    continue
                if sessions is not None and sessions[i] != sessions[(*chosen, i)[0]]:
                    continue
                if any(scalar_of(seen.events[i], key) is None for key in leaf.get("by", ())):
                    continue
                yield from grown((*chosen, i))

    yield from grown(())


def _may_follow(leaf: Document, seen: Seen, chosen: tuple[int, ...], i: int) -> bool:
    """Order, limits and keys between the events chosen and the next."""
    events, step = seen.events, leaf["steps"][len(chosen)]
    if i <= chosen[-1]:
        return False
    gap_ms = events[i].at_ms - events[chosen[-1]].at_ms
    if "within" in step and gap_ms > duration_ms(step["within"]):
        return False
    total_ms = events[i].at_ms - events[chosen[0]].at_ms
    if "within" in leaf and total_ms > duration_ms(leaf["within"]):
        return False
    return _same_keys(leaf, events[chosen[0]], events[i])


def _same_keys(leaf: Document, a: Event, b: Event) -> bool:
    return all(same(scalar_of(a, key), scalar_of(b, key)) for key in leaf.get("by", ()))


def _any_between(places: list[int], first: int, last: int) -> bool:
    return any(first < place < last for place in places)


def _piece_of(seen: Seen) -> dict[int, tuple[int, int]]:
    """Place -> which piece of which device's chain it belongs to; no device is one of its own."""
    return {
        place: (device, n)
        for device in {event.device for event in seen.events}
        for n, piece in enumerate(pieces(seen, device, IDLE_MS))
        for place in piece
    }


def sequence_leaf(leaf: Document, seen: Seen) -> Truth:
    times: int = leaf.get("times", 1)
    return len(completions(leaf, seen)) >= times


def absence_leaf(leaf: Document, seen: Seen) -> Truth:
    if "after" not in leaf:
        return not matching(leaf["without"], seen, inside(leaf["window"], seen))
    keys, events = leaf.get("by", ()), seen.events

    def keyed(match: Document, i: int) -> bool:
        has_keys = all(scalar_of(events[i], key) is not None for key in keys)
        return has_keys and meets(events[i], match, seen)

    starts = [i for i in inside(leaf["window"], seen) if keyed(leaf["after"], i)]
    ends = [i for i in range(len(events)) if keyed(leaf["without"], i)]
    for start in starts:
        others = [i for i in starts if i > start and _same_keys(leaf, events[start], events[i])]
        stops = [i for i in ends if i > start and _same_keys(leaf, events[start], events[i])]
        late_enough = seen.now - events[start].at_ms >= duration_ms(leaf["for"])
        if not others and not stops and late_enough:
            return True
    return False


def dwell_ms(leaf: Document, seen: Seen) -> Fraction:
    """The active time in ms."""
    places, events = inside(leaf["window"], seen), seen.events
    match leaf["on"]:
        case "session":
            return Fraction(seen.now - events[places[0]].at_ms if places else 0)
        case "section" | "element":
            name, of = {
                "section": ("Section Viewed", "visible_ms"),
                "element": ("Element Hovered", "dwell_ms"),
            }[leaf["on"]]
            match = {"name": name, "where": leaf.get("where", ())}
            found = matching(match, seen, places)
            return exact(exact_sum(scalar_of(events[i], of) for i in found))
    paged = [
        i
        for i, event in enumerate(events)
        if event.name in PAGE_EVENTS and scalar_of(event, "page_view_id") is not None
    ]
    accepted = [i for i in paged if leaf["on"] == "site" or _accepts(leaf, seen, paged, i)]
    total = sum((_message_ms(seen, paged, i) for i in accepted if i in places), Fraction(0))
    if accepted and accepted[-1] == paged[-1] and paged[-1] in places:
        latest = events[paged[-1]]
        if latest.name != "Page Left":
            total += min(seen.now - latest.at_ms, OPEN_FOR_MS)
    return total


def _accepts(leaf: Document, seen: Seen, paged: list[int], i: int) -> bool:
    """Whether the first Page Viewed of this event's page view meets `where`."""
    for j in paged:
        event = seen.events[j]
        if event.name == "Page Viewed" and _same_page(seen, i, j):
            return meets(event, {"name": "Page Viewed", "where": leaf.get("where", ())}, seen)
    return False


def _same_page(seen: Seen, i: int, j: int) -> bool:
    one, other = (scalar_of(seen.events[place], "page_view_id") for place in (i, j))
    return same(one, other)


def _active_ms(event: Event) -> Fraction:
    found = number(scalar_of(event, "active_ms"))
    return exact(min(max(found, 0.0), float(MOST_MS))) if found is not None else Fraction(0)


def _message_ms(seen: Seen, paged: list[int], i: int) -> Fraction:
    """What one message adds to the active time of its page view."""
    event = seen.events[i]
    if event.name == "Page Viewed":
        return Fraction(0)
    if event.name == "Page Heartbeat":
        return _active_ms(event)
    before = [
        _active_ms(seen.events[j])
        for j in paged
        if j < i and seen.events[j].name == "Page Heartbeat" and _same_page(seen, i, j)
    ]
    return max(Fraction(0), _active_ms(event) - sum(before, Fraction(0)))


def dwell_leaf(leaf: Document, seen: Seen) -> Truth:
    found, value = dwell_ms(leaf, seen), durations(leaf["value"])
    if leaf["op"] == "between":
        return bool(value[0] <= found <= value[1])
    return ordered(leaf["op"], found, value)
