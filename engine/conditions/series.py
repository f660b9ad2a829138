"""What compiled leaves share about one visitor: matching events by key, built once per `Facts`.

Everything is kept in `Facts.cache` under a text key, so that two conditions that count the same
thing count it once. The facts given here hold no event after now (`Facts.as_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from engine.conditions.canonical import match_key
from engine.conditions.nodes import Aggregate, EventLeaf, Op, PropertyTest
from engine.conditions.operators import Test, as_number, tester, typed
from engine.facts import SESSION_IDLE_MS, Facts, Happening

NEVER = 0  # the instant at which the session of an empty history ended


# The events that an aggregate uses, as (times, states). `times` are their `at_ms`, ascending.
# `states` has one more entry: states[i] is the aggregate of times[i:], so that a rolling window
# only moves its start; the last one is the aggregate of nothing. A plain tuple, for speed.
Series: TypeAlias = tuple[list[int], Sequence[object]]
Matches: TypeAlias = Callable[[Facts], list[Happening]]
Load: TypeAlias = Callable[[Facts], Series]


def series_loader(leaf: EventLeaf) -> Load:
    """Return the function that finds or builds the leaf's series over the whole history."""
    load_matches = matches_loader(leaf)
    name = f"{leaf.aggregate}|{leaf.of or ''}|{match_key(leaf.name, leaf.where)}"
    build = STATES[leaf.aggregate]
    of = leaf.of or ""

    def load(facts: Facts) -> Series:
        series: Series | None = facts.cache.get(name)
        if series is None:
            series = facts.cache[name] = build(load_matches(facts), of)
        return series

    return load


def session_loader(leaf: EventLeaf) -> Load:
    """Like `series_loader`, over the latest session only; states[0] is its aggregate."""
    load_matches = matches_loader(leaf)
    name = f"session|{leaf.aggregate}|{leaf.of or ''}|{match_key(leaf.name, leaf.where)}"
    build = STATES[leaf.aggregate]
    of = leaf.of or ""

    def load(facts: Facts) -> Series:
        series: Series | None = facts.cache.get(name)
        if series is None:
            start, device, _ = latest_session(facts)
            # The session is the tail of its device's events, so its first instant is enough:
            # an event of that device at the same instant has no gap and belongs to it.
            matched = [
                event
                for event in load_matches(facts)
                if event.at_ms >= start and event.device == device
            ]
            series = facts.cache[name] = build(matched, of)
        return series

    return load


def latest_session(facts: Facts) -> tuple[int, int, int]:
    """Return (first at_ms, device, instant at which it is over) of the latest session."""
    found: tuple[int, int, int] | None = facts.cache.get("session")
    if found is None:
        found = facts.cache["session"] = _find_session(facts.history)
    return found


def _find_session(history: Sequence[Happening]) -> tuple[int, int, int]:
    if not history:
        return NEVER, 0, NEVER
    latest = history[-1]
    device, start = latest.device, latest.at_ms
    for event in reversed(history):
        if event.device == device:
            if start - event.at_ms >= SESSION_IDLE_MS:
                break
            start = event.at_ms
    return start, device, latest.at_ms + SESSION_IDLE_MS


def matches_loader(leaf: EventLeaf) -> Matches:
    """Return the function that finds or filters the leaf's events over the whole history."""
    event_name = leaf.name
    name = f"match|{match_key(leaf.name, leaf.where)}"
    select = _filter(leaf.where)

    def named(facts: Facts) -> list[Happening]:
        by_name: dict[str, list[Happening]] | None = facts.cache.get("names")
        if by_name is None:
            by_name = facts.cache["names"] = _by_name(facts.history)
        return by_name.get(event_name, _NONE)

    if select is None:
        return named

    def filtered(facts: Facts) -> list[Happening]:
        matched: list[Happening] | None = facts.cache.get(name)
        if matched is None:
            matched = facts.cache[name] = select(named(facts))
        return matched

    return filtered


_NONE: list[Happening] = []


def _filter(
    where: tuple[PropertyTest, ...],
) -> Callable[[list[Happening]], list[Happening]] | None:
    """Return the filters as one pass over events of the right name; None when all pass."""
    if not where:
        return None
    if len(where) == 1 and where[0].op is Op.EQ and isinstance(where[0].value, str):
        # By far the most common filter ("category is blouses"), and twice as fast this way.
        of, wanted = where[0].property, where[0].value
        return lambda events: [e for e in events if e.properties.get(of) == wanted]
    tests = [(test.property, tester(test.op, test.value)) for test in where]
    return lambda events: [event for event in events if _passes(event, tests)]


def _by_name(history: Sequence[Happening]) -> dict[str, list[Happening]]:
    found: dict[str, list[Happening]] = {}
    for event in history:
        named = found.get(event.name)
        if named is None:
            found[event.name] = [event]
        else:
            named.append(event)
    return found


def _passes(event: Happening, tests: list[tuple[str, Test]]) -> bool:
    properties = event.properties
    for name, test in tests:  # noqa: SIM110 -- a generator here costs twice the loop
        if test(properties.get(name)) is not True:
            return False
    return True


def _counts(events: list[Happening], of: str) -> Series:
    return ([event.at_ms for event in events], range(len(events), -1, -1))


def _sums(events: list[Happening], of: str) -> Series:
    present = _present(events, of)
    states: list[object] = [0.0] * (len(present) + 1)
    total = 0.0
    # Newest first, as in `evaluate`: then every window's sum is a partial sum of one pass.
    for i in range(len(present) - 1, -1, -1):
        value = present[i][1]
        total += value if type(value) is float else as_number(value) or 0.0
        states[i] = total
    return ([at_ms for at_ms, _ in present], states)


def _distinct(events: list[Happening], of: str) -> Series:
    present = _present(events, of)
    states: list[object] = [0] * (len(present) + 1)
    seen = set()
    for i in range(len(present) - 1, -1, -1):
        value = present[i][1]
        seen.add(value if type(value) is str else typed(value))
        states[i] = len(seen)
    return ([at_ms for at_ms, _ in present], states)


def _lasts(events: list[Happening], of: str) -> Series:
    # Only the last one counts: a window holds it or holds none.
    for event in reversed(events):
        value = event.properties.get(of)
        if value is not None:
            return [event.at_ms], (value, None)
    return [], (None,)


def _firsts(events: list[Happening], of: str) -> Series:
    present = _present(events, of)
    return ([at_ms for at_ms, _ in present], [*(value for _, value in present), None])


def _latest(events: list[Happening], of: str) -> Series:
    """For the recency within a session: the last event; its age is for the reader to compute."""
    if not events:
        return [], (None,)
    return [events[-1].at_ms], (True, None)


def _present(events: list[Happening], of: str) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    for event in events:
        value = event.properties.get(of)
        if value is not None:
            found.append((event.at_ms, value))
    return found


STATES: dict[Aggregate, Callable[[list[Happening], str], Series]] = {
    Aggregate.COUNT: _counts,
    Aggregate.SUM: _sums,
    Aggregate.DISTINCT: _distinct,
    Aggregate.LAST: _lasts,
    Aggregate.FIRST: _firsts,
    Aggregate.RECENCY: _latest,
}
