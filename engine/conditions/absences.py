"""Absences: something happened, and for so long nothing has followed.

Without `after` an absence is a count of nothing (`lower.lowered`) and does not come here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TypeAlias

from engine.conditions.answers import (
    FOREVER,
    NO,
    YES,
    Answer,
    Builder,
    Finder,
    Finding,
    Moments,
    Part,
)
from engine.conditions.nodes import AbsenceLeaf, Match, Window, WindowKind
from engine.conditions.occurrences import Occurrences, indexes_of, key_of, loader
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
from engine.conditions.windows import enters_at, indexes_in
from engine.facts import Facts

Keys: TypeAlias = tuple[Hashable, ...]
Span: TypeAlias = tuple[int, int]  # [from_ms, until_ms) in which the leaf is true

# The meaning


def _unanswered(leaf: AbsenceLeaf, facts: Facts, now_ms: int) -> list[int]:
    """For each value of the keys its latest `after` event of the window, if nothing followed."""
    history, by = facts.history, leaf.by
    inside = set(indexes_in(leaf.window, facts, now_ms))
    latest: dict[Keys, int] = {}
    for i in indexes_of(_after(leaf), facts):
        key = key_of(history[i], by)
        if i in inside and key is not None:
            latest[key] = i
    for i in indexes_of(leaf.without, facts):
        key = key_of(history[i], by)
        if key is not None and latest.get(key, i) < i:
            del latest[key]
    return sorted(latest.values())


def _absence(leaf: AbsenceLeaf, facts: Facts, now_ms: int) -> Finding:
    """The value is how long the longest unanswered one has waited, in ms."""
    waiting = _unanswered(leaf, facts, now_ms)
    if not waiting:
        return Finding(None, False)
    waited_ms = now_ms - facts.history[waiting[0]].at_ms
    return Finding(waited_ms, waited_ms >= leaf.for_ms, tuple(waiting))


def _moments(leaf: AbsenceLeaf, facts: Facts, now_ms: int) -> set[int]:
    if len(facts.history) > LONG:
        return told_by(absence_part(leaf), facts, now_ms)
    begun = indexes_of(_after(leaf), facts)
    due = {facts.history[i].at_ms + leaf.for_ms for i in begun}
    return {moment for moment in due | changes(leaf.window, facts, begun) if moment > now_ms}


def _after(leaf: AbsenceLeaf) -> Match:
    assert leaf.after is not None  # else it is lowered to a count
    return leaf.after


# The same as closures


def absence_part(leaf: AbsenceLeaf) -> Part:
    """Return the leaf as a closure over facts that hold no event after now."""
    if leaf.window.kind in IN_PHASES:
        return _in_phases(leaf)
    if leaf.window.kind is WindowKind.BETWEEN_AGO:
        return _between_ago(leaf)
    return _keyed(leaf) if leaf.by else _in_stretch(leaf)


def _in_stretch(leaf: AbsenceLeaf) -> Part:
    """Without keys only the latest `after` of the window and the latest `without` matter."""
    load_after, load_without = loader(_after(leaf)), loader(leaf.without)
    window, for_ms, where = leaf.window, leaf.for_ms, stretch(leaf.window)

    def absence(facts: Facts, now_ms: int) -> Answer:
        begun, events = load_after(facts)
        if not begun:
            return NO
        after_ms, until_ms = where(facts, now_ms)
        at = len(begun) - 1
        while at >= 0 and events[at].at_ms > until_ms:
            at -= 1
        if at < 0 or events[at].at_ms <= after_ms:
            return NO
        followed = load_without(facts).indexes
        if followed and followed[-1] > begun[at]:
            return NO
        return _within(_span(window, events[at].at_ms, for_ms, facts), now_ms)

    return absence


def _span(window: Window, at_ms: int, for_ms: int, facts: Facts) -> Span:
    return at_ms + for_ms, leaving(window, at_ms, facts)


def _within(span: Span, now_ms: int) -> Answer:
    from_ms, until_ms = span
    if now_ms >= until_ms or from_ms >= until_ms:
        return NO
    if now_ms < from_ms:
        return False, from_ms
    return (True, until_ms) if until_ms != FOREVER else YES


def _keyed(leaf: AbsenceLeaf) -> Part:
    window, for_ms, by = leaf.window, leaf.for_ms, leaf.by
    load_after, load_without = loader(_after(leaf)), loader(leaf.without)
    where = stretch(window)

    def absence(facts: Facts, now_ms: int) -> Answer:
        after_ms, until_ms = where(facts, now_ms)
        begun = load_after(facts).kept(lambda event: after_ms < event.at_ms <= until_ms)
        waiting = _waiting(begun, load_without(facts), by)
        return _over_spans([_span(window, at, for_ms, facts) for at in waiting], now_ms)

    return absence


def _waiting(begun: Occurrences, followed: Occurrences, by: tuple[str, ...]) -> Iterator[int]:
    """When the latest `after` event of each key was that no `without` of that key has followed."""
    latest: dict[Keys, tuple[int, int]] = {}
    for i, event in zip(*begun, strict=True):
        key = key_of(event, by)
        if key is not None:
            latest[key] = i, event.at_ms
    answered = _latest_by_key(followed, by)
    return (at_ms for key, (i, at_ms) in latest.items() if answered.get(key, -1) <= i)


def _latest_by_key(occurrences: Occurrences, by: tuple[str, ...]) -> dict[Keys, int]:
    found: dict[Keys, int] = {}
    for i, event in zip(*occurrences, strict=True):
        key = key_of(event, by)
        if key is not None:
            found[key] = i
    return found


def _in_phases(leaf: AbsenceLeaf) -> Part:
    window, for_ms, by = leaf.window, leaf.for_ms, leaf.by
    load_after, load_without = loader(_after(leaf)), loader(leaf.without)

    def of_each_key(phase: Phase, begun: Occurrences, followed: Occurrences) -> Iterator[int]:
        return _waiting(phase.choose(begun), followed, by)

    waiting = of_each_key if by else _latest_waiting

    def absence(facts: Facts, now_ms: int) -> Answer:
        begun = load_after(facts)
        if not begun.indexes:
            return NO
        followed = load_without(facts)
        spans = [
            (max(phase.from_ms, at_ms + for_ms), phase.until_ms)
            for phase in phases(window, facts)
            if phase.until_ms > now_ms
            for at_ms in waiting(phase, begun, followed)
        ]
        return _over_spans(spans, now_ms)

    return absence


def _latest_waiting(phase: Phase, begun: Occurrences, followed: Occurrences) -> Iterator[int]:
    """When the latest `after` event of the phase was, unless a `without` has followed it."""
    last = followed.indexes[-1] if followed.indexes else -1
    for i, event in zip(reversed(begun.indexes), reversed(begun.events), strict=True):
        if i < last:
            return
        if phase.holds(event):
            yield event.at_ms
            return


def _between_ago(leaf: AbsenceLeaf) -> Part:
    """An `after` event counts from when it enters until it leaves or the next of its key enters."""
    window, for_ms, by = leaf.window, leaf.for_ms, leaf.by
    load_after, load_without = loader(_after(leaf)), loader(leaf.without)

    def absence(facts: Facts, now_ms: int) -> Answer:
        answered = _latest_by_key(load_without(facts), by)
        next_enters: dict[Keys, int] = {}
        spans: list[Span] = []
        indexes, events = load_after(facts)
        for i, event in zip(reversed(indexes), reversed(events), strict=True):
            key = key_of(event, by)
            if key is None:
                continue
            enters_ms, leaves_ms = enters_at(window, event.at_ms), event.at_ms + window.ms
            if leaves_ms <= now_ms:
                break  # and all before it have left
            if answered.get(key, -1) <= i:
                until_ms = min(leaves_ms, next_enters.get(key, FOREVER))
                spans.append((max(event.at_ms + for_ms, enters_ms), until_ms))
            next_enters[key] = enters_ms
        return _over_spans(spans, now_ms)

    return absence


def _over_spans(spans: list[Span], now_ms: int) -> Answer:
    """True within any of the spans; the flip is where their union ends, or begins."""
    until_ms, begins_ms = now_ms, FOREVER
    for from_ms, to_ms in sorted(spans):
        if to_ms <= now_ms or from_ms >= to_ms:
            continue
        if from_ms <= until_ms:
            until_ms = max(until_ms, to_ms)
        elif until_ms == now_ms:
            begins_ms = min(begins_ms, from_ms)
    if until_ms > now_ms:
        return (True, until_ms) if until_ms != FOREVER else YES
    return (False, begins_ms) if begins_ms != FOREVER else NO


FINDERS: dict[type, Finder] = {AbsenceLeaf: _absence}
MOMENTS: dict[type, Moments] = {AbsenceLeaf: _moments}
BUILDERS: dict[type, Builder] = {AbsenceLeaf: absence_part}
