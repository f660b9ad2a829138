"""Decide whether facts satisfy a condition: True, False, or None for unknown.

This is the meaning of the language, written to be read; `compile` is the same made fast. A missing
fact makes a comparison unknown, whatever the operator, and unknown stays unknown under `not`: an
unknown country is neither France nor "a country other than France". Counts, sums, memberships and
shares are always known. At the root unknown is not a match. SQL's NULL has the same table.

Events after `now_ms` are ignored, and no event is assumed to follow: a verdict then changes only
because time passes, first at its `valid_until_ms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from engine.bucketing import bucket_of
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    ContextLeaf,
    EventLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    PercentLeaf,
    SegmentLeaf,
    TraitLeaf,
    WindowKind,
    parts_of,
)
from engine.conditions.operators import as_number, compare, typed
from engine.facts import SESSION_IDLE_MS, Facts

Truth: TypeAlias = bool | None

MAX_EVIDENCE = 5  # events named per leaf of a trace, the newest


class Finding(NamedTuple):
    """What one leaf met: the value found (None: nothing), its verdict, the events used."""

    value: object
    verdict: Truth
    evidence: tuple[int, ...] = ()


def truth(node: Node, facts: Facts, now_ms: int) -> Truth:
    """Return the verdict at an instant. Never raises for a parsed condition."""
    return _truth(node, facts.as_of(now_ms), now_ms)


def _truth(node: Node, facts: Facts, now_ms: int) -> Truth:
    finder = FINDERS.get(type(node))
    if finder is not None:
        return finder(node, facts, now_ms).verdict
    return combined(node, [_truth(part, facts, now_ms) for part in parts_of(node)])


def combined(node: Node, verdicts: list[Truth]) -> Truth:
    """The verdict of a group from those of its parts (Kleene's three-valued logic)."""
    match node:
        case All():
            return kleene_and(verdicts)
        case AnyOf():
            return kleene_or(verdicts)
        case NoneOf():
            return kleene_not(kleene_or(verdicts))
        case Not():
            return kleene_not(verdicts[0])
        case AtLeast(k, _):
            if verdicts.count(True) >= k:
                return True
            return False if len(verdicts) - verdicts.count(False) < k else None
        case Nested():
            return verdicts[0] is True
    raise AssertionError(f"no evaluator for {type(node).__name__}")


def kleene_and(verdicts: Iterable[Truth]) -> Truth:
    found = set(verdicts)
    return False if False in found else None if None in found else True


def kleene_or(verdicts: Iterable[Truth]) -> Truth:
    found = set(verdicts)
    return True if True in found else None if None in found else False


def kleene_not(verdict: Truth) -> Truth:
    return None if verdict is None else not verdict


# Leaves


def _trait(leaf: TraitLeaf, facts: Facts, now_ms: int) -> Finding:
    found = facts.traits.get(leaf.name)
    return Finding(found, compare(leaf.op, found, leaf.value))


def _context(leaf: ContextLeaf, facts: Facts, now_ms: int) -> Finding:
    found = facts.context.get(leaf.name)
    return Finding(found, compare(leaf.op, found, leaf.value))


def _segment(leaf: SegmentLeaf, facts: Facts, now_ms: int) -> Finding:
    member = facts.memberships.get(leaf.key) is True
    return Finding(member, member)


def _percent(leaf: PercentLeaf, facts: Facts, now_ms: int) -> Finding:
    position = bucket_of(facts.unit_id, seed=leaf.seed) / 100
    return Finding(position, leaf.start <= position < leaf.end)


def _event(leaf: EventLeaf, facts: Facts, now_ms: int) -> Finding:
    """`facts` hold no event after `now_ms`."""
    used = [i for i in window_of(leaf, facts, now_ms) if _matches(leaf, facts, i)]
    value: object
    match leaf.aggregate:
        case Aggregate.COUNT:
            value = len(used)
        case Aggregate.RECENCY:
            value = now_ms - facts.history[used[-1]].at_ms if used else None
        case _:
            used = [i for i in used if _property(leaf, facts, i) is not None]
            value = _of_property(leaf.aggregate, [_property(leaf, facts, i) for i in used])
    return Finding(value, compare(leaf.op, value, leaf.value), tuple(used))


def _of_property(aggregate: Aggregate, values: list[object]) -> object:
    """Aggregate the values that are present, oldest first."""
    if aggregate is Aggregate.DISTINCT:
        return len({typed(value) for value in values})
    if aggregate is Aggregate.SUM:
        # Newest first: double addition depends on the order, so all evaluators keep to this one.
        total = 0.0
        for value in reversed(values):
            total += as_number(value) or 0.0
        return total
    if not values:
        return None
    return values[-1] if aggregate is Aggregate.LAST else values[0]


def _property(leaf: EventLeaf, facts: Facts, index: int) -> object:
    return facts.history[index].properties.get(leaf.of or "")


def _matches(leaf: EventLeaf, facts: Facts, index: int) -> bool:
    event = facts.history[index]
    return event.name == leaf.name and all(
        compare(test.op, event.properties.get(test.property), test.value) is True
        for test in leaf.where
    )


def window_of(leaf: EventLeaf, facts: Facts, now_ms: int) -> list[int]:
    """The indexes of the events in the leaf's window, whatever their name."""
    match leaf.window.kind:
        case WindowKind.SESSION:
            return session_at(facts, now_ms)
        case WindowKind.LAST:
            start = now_ms - leaf.window.ms
            return [i for i, event in enumerate(facts.history) if event.at_ms > start]
    return list(range(len(facts.history)))


def session_at(facts: Facts, now_ms: int) -> list[int]:
    """The indexes of the session open at an instant.

    It belongs to the device of the latest event and reaches back over that device's events while
    each gap is shorter than the idle time. It is over, so empty, one idle time after that event.
    """
    history = facts.history
    if not history or now_ms - history[-1].at_ms >= SESSION_IDLE_MS:
        return []
    device, next_at = history[-1].device, history[-1].at_ms
    found = []
    for i in range(len(history) - 1, -1, -1):
        if history[i].device != device:
            continue
        if next_at - history[i].at_ms >= SESSION_IDLE_MS:
            break
        found.append(i)
        next_at = history[i].at_ms
    return found[::-1]


FINDERS: dict[type, Callable[[Any, Facts, int], Finding]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    SegmentLeaf: _segment,
    PercentLeaf: _percent,
    EventLeaf: _event,
}


# Time


def _event_moments(leaf: EventLeaf, facts: Facts, now_ms: int) -> set[int]:
    """Every instant at which an event leaves the window or an age passes a threshold."""
    moments: set[int] = set()
    used = [i for i in window_of(leaf, facts, now_ms) if _matches(leaf, facts, i)]
    if leaf.window.kind is WindowKind.LAST:
        moments.update(facts.history[i].at_ms + leaf.window.ms for i in used)
    elif leaf.window.kind is WindowKind.SESSION and used:
        moments.add(facts.history[-1].at_ms + SESSION_IDLE_MS)
    if leaf.aggregate is Aggregate.RECENCY and used and leaf.value is not None:
        for age_ms in leaf.value if isinstance(leaf.value, tuple) else (leaf.value,):
            reached = facts.history[used[-1]].at_ms + int(age_ms)
            moments |= {reached, reached + 1}
    return moments


# Leaves whose answer changes as time passes: the instants at which it may.
MOMENTS: dict[type, Callable[[Any, Facts, int], set[int]]] = {EventLeaf: _event_moments}


def leaf_valid_until(node: Node, facts: Facts, now_ms: int) -> int | None:
    """The first instant after now at which this leaf's verdict differs, None for never."""
    moments = MOMENTS.get(type(node))
    if moments is None:
        return None
    finder = FINDERS[type(node)]
    verdict = finder(node, facts, now_ms).verdict
    for moment in sorted(moments(node, facts, now_ms)):
        if moment > now_ms and finder(node, facts, moment).verdict is not verdict:
            return moment
    return None


# Trace


@dataclass(frozen=True, slots=True)
class Trace:
    """Why one node answered as it did; the children of a group in the editor's order.

    Attributes:
        value: what was found (None: nothing); for groups None.
        threshold: what the editor asked for; for groups None.
        evidence: (index in the history, at_ms) of the newest events used, at most MAX_EVIDENCE.
        valid_until_ms: the verdict holds before this instant if nothing happens; None: for ever.
    """

    node: Node
    verdict: Truth
    value: object = None
    threshold: object = None
    evidence: tuple[tuple[int, int], ...] = ()
    valid_until_ms: int | None = None
    parts: tuple[Trace, ...] = ()


def trace(node: Node, facts: Facts, now_ms: int) -> Trace:
    """Return the evaluation with everything it met. The same evaluation as `truth`."""
    return _trace(node, facts.as_of(now_ms), now_ms)


def _trace(node: Node, facts: Facts, now_ms: int) -> Trace:
    finder = FINDERS.get(type(node))
    if finder is not None:
        found = finder(node, facts, now_ms)
        return Trace(
            node,
            found.verdict,
            found.value,
            _threshold(node),
            tuple((i, facts.history[i].at_ms) for i in found.evidence[-MAX_EVIDENCE:]),
            leaf_valid_until(node, facts, now_ms),
        )
    parts = tuple(_trace(part, facts, now_ms) for part in parts_of(node))
    verdict = combined(node, [part.verdict for part in parts])
    return Trace(
        node, verdict, valid_until_ms=_group_valid_until(node, verdict, parts), parts=parts
    )


def _threshold(node: Node) -> object:
    match node:
        case PercentLeaf(_, start, end):
            return (start, end)
        case SegmentLeaf():
            return True
    return getattr(node, "value", None)


def _group_valid_until(node: Node, verdict: Truth, parts: tuple[Trace, ...]) -> int | None:
    """A group holds while each part holds; one part that settles it alone is enough."""
    settles = {All: False, AnyOf: True, NoneOf: True}.get(type(node))
    if settles is not None:
        alone = [part.valid_until_ms for part in parts if part.verdict is settles]
        if alone:
            return None if None in alone else max(moment for moment in alone if moment is not None)
    return min((p.valid_until_ms for p in parts if p.valid_until_ms is not None), default=None)
