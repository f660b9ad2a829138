"""Changes that may turn one leaf: each is tried on the leaf itself, so only those that do stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil, floor
from typing import Any, TypeAlias

from engine.conditions import nearest_paths
from engine.conditions.aggregates import matching
from engine.conditions.changes import MAX_ADDED, ChangeKind, NearestChange, applied
from engine.conditions.evaluate import FINDERS, MOMENTS
from engine.conditions.examples import candidates
from engine.conditions.lower import lowered
from engine.conditions.nearest_texts import added_text
from engine.conditions.nodes import (
    Aggregate,
    ConsentLeaf,
    ContextLeaf,
    EventLeaf,
    Leaf,
    ListLeaf,
    ModelLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
)
from engine.conditions.operators import as_number
from engine.conditions.trials import Changes, fewer, more, set_to, wait
from engine.facts import Facts, Scalar, TraitMeta

Plan: TypeAlias = tuple[float, Changes]  # its cost, and what is to be done, in this order

MAX_TRIED = 40  # changes per leaf that are tried
MAX_PLANS = 3  # alternatives kept per leaf
MAX_MOMENTS = 200  # instants looked at for a waiting time or a deadline
MAX_WALKED = 100_000  # events looked at for them

# One event weighs as much as ten minutes of waiting; the past is not to be changed.
EVENT_COST, OTHER_COST, FEWER_COST, WAIT_MS = 1.0, 3.0, 100.0, 600_000


def leaf_plans(leaf: Leaf, path: str, facts: Facts, now_ms: int, wanted: bool) -> list[Plan]:
    """The cheapest changes after which the leaf's verdict is `wanted`; none when none was found."""
    asked = lowered(leaf)
    found: list[Plan] = []
    for _, changes in zip(range(MAX_TRIED), _tried(asked, path, facts, now_ms), strict=False):
        if _makes(asked, changes, facts, now_ms, wanted):
            found.append((_cost(changes), changes))
        if len(found) == MAX_PLANS:
            break
    waiting = _waiting(asked, path, facts, now_ms, wanted)
    if waiting is not None:
        found.append((_cost((waiting,)), (waiting,)))
    found.sort(key=lambda plan: plan[0])
    return [
        (cost, _dated(asked, changes, facts, now_ms, wanted)) for cost, changes in found[:MAX_PLANS]
    ]


def meta_of(leaf: object) -> dict[str, TraitMeta]:
    """How a trait must have been observed for the leaf to accept it."""
    if isinstance(leaf, TraitLeaf):
        return {leaf.name: TraitMeta(source=leaf.source, confidence=leaf.min_confidence)}
    return {}


def _verdict(leaf: Leaf, facts: Facts, at_ms: int) -> bool | None:
    return FINDERS[type(leaf)](leaf, facts, at_ms).verdict


def _makes(leaf: Leaf, changes: Changes, facts: Facts, now_ms: int, wanted: bool) -> bool:
    return _verdict(leaf, *applied(changes, facts, now_ms, meta_of(leaf))) is wanted


def _cost(changes: Changes) -> float:
    total = 0.0
    for change in changes:
        match change.kind:
            case ChangeKind.MORE_EVENTS:
                total += EVENT_COST * change.amount
            case ChangeKind.FEWER:
                total += FEWER_COST + change.amount
            case ChangeKind.WAIT:
                total += change.amount / WAIT_MS
            case _:
                total += OTHER_COST
    return total


def _moments(leaf: Leaf, facts: Facts, now_ms: int) -> list[int]:
    moments = MOMENTS.get(type(leaf))
    found = moments(leaf, facts, now_ms) if moments is not None else set()
    limit = min(MAX_MOMENTS, MAX_WALKED // (len(facts.history) + 1))
    return sorted(moment for moment in found if moment > now_ms)[:limit]


def _waiting(
    leaf: Leaf, path: str, facts: Facts, now_ms: int, wanted: bool
) -> NearestChange | None:
    for moment in _moments(leaf, facts, now_ms):
        if _verdict(leaf, facts, moment) is wanted:
            return wait(moment - now_ms, path)
    return None


def _dated(leaf: Leaf, changes: Changes, facts: Facts, now_ms: int, wanted: bool) -> Changes:
    """The changes with the instant from which on they would be too little or too late."""
    if any(change.kind is not ChangeKind.MORE_EVENTS for change in changes):
        return changes
    for moment in _moments(leaf, facts, now_ms):
        if not _makes(leaf, changes, facts, moment, wanted):
            return tuple(
                replace(
                    change,
                    deadline_ms=moment,
                    text=added_text(change, moment, now_ms, facts.site_zone),
                )
                for change in changes
            )
    return changes


def _tried(leaf: Leaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    """Changes worth trying, the smallest first."""
    tries = _TRIES.get(type(leaf))
    if tries is not None:
        yield from tries(leaf, path, facts, now_ms)


# Traits, the request, memberships


def _trait(leaf: TraitLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for value in candidates(leaf.op, leaf.value, now_ms):
        yield set_to(ChangeKind.TRAIT, leaf.name, value, path)


def _context(leaf: ContextLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for value in candidates(leaf.op, leaf.value, now_ms):
        yield set_to(ChangeKind.CONTEXT, leaf.name, value, path)


def _segment(leaf: SegmentLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    is_member = facts.memberships.get(leaf.key) is True
    yield set_to(ChangeKind.SEGMENT, leaf.key, not is_member, path)


def _consent(leaf: ConsentLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for value in (True, False):
        yield set_to(ChangeKind.CONSENT, leaf.purpose, value, path)


def _list(leaf: ListLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for value in (True, None):
        yield set_to(ChangeKind.TRAIT, f"list.{leaf.key}", value, path)


def _model(leaf: ModelLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    for value in candidates(leaf.op, leaf.value, now_ms):
        yield set_to(ChangeKind.TRAIT, f"score.{leaf.name}", value, path)


def _relation(leaf: RelationLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    name = f"edge.{leaf.type}"
    held = facts.traits.get(name)
    others = [to for to in held if to != leaf.to] if isinstance(held, list | tuple) else []
    yield set_to(ChangeKind.TRAIT, name, [*others, leaf.to or "any"], path)
    yield set_to(ChangeKind.TRAIT, name, others if leaf.to is not None else None, path)
    yield set_to(ChangeKind.TRAIT, name, None, path)


# Events


def _event(leaf: EventLeaf, path: str, facts: Facts, now_ms: int) -> Iterator[Changes]:
    finding = FINDERS[EventLeaf](leaf, facts, now_ms)
    fixed = _page_view(leaf, facts)
    for changes in _more_of(leaf, path, facts, now_ms, fixed):
        if changes:
            yield changes
    used = finding.evidence
    amounts = {len(used) - k for k in _near_counts(leaf, facts, now_ms)} | {1, len(used)}
    for amount in sorted(amount for amount in amounts if 1 <= amount <= len(used))[:12]:
        yield fewer(leaf.match, used[-amount:], path)


def _page_view(leaf: EventLeaf, facts: Facts) -> dict[str, Scalar]:
    """The page view that new events belong to."""
    for event in reversed(facts.history):
        if "page_view_id" in event.properties:
            return {"page_view_id": event.properties["page_view_id"]}
    return {"page_view_id": "next"} if leaf.window.kind == "page_view" else {}


def _more_of(
    leaf: EventLeaf, path: str, facts: Facts, now_ms: int, fixed: dict[str, Scalar]
) -> Iterator[Changes]:
    if leaf.of is None:
        count = len(matching(leaf.match, leaf.window, facts, now_ms))
        amounts = {k - count for k in _near_counts(leaf, facts, now_ms)} | {1, 2}
        for amount in sorted(amount for amount in amounts if amount >= 1)[:12]:
            yield more(leaf.match, amount, path, facts, fixed)
        if leaf.over is not None:
            for amount in _near_overs(leaf, facts, now_ms, count):
                yield more(leaf.over, amount, path, facts, fixed)
        return
    if leaf.aggregate is Aggregate.DISTINCT:
        held = FINDERS[EventLeaf](leaf, facts, now_ms).value
        for k in _near_counts(leaf, facts, now_ms):
            amount = k - held if isinstance(held, int) else k
            new = tuple(f"new-{i + 1}" for i in range(max(0, min(amount, MAX_ADDED))))
            yield more(leaf.match, amount, path, facts, fixed, leaf.of, new)
        return
    for value in _near_values(leaf, facts, now_ms):
        yield more(leaf.match, 1, path, facts, fixed, leaf.of, (value,))
    if leaf.aggregate is Aggregate.MOST_FREQUENT:
        used = len(matching(leaf.match, leaf.window, facts, now_ms))
        for value in list(_near_values(leaf, facts, now_ms))[:4]:
            for amount in range(2, min(used, 8) + 2):
                yield more(leaf.match, amount, path, facts, fixed, leaf.of, (value,) * amount)


def _numbers(leaf: EventLeaf) -> list[float]:
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return [number for value in values[:10] if (number := as_number(value)) is not None]


def _near_counts(leaf: EventLeaf, facts: Facts, now_ms: int) -> list[int]:
    """Counts around those at which the verdict may differ, ascending."""
    scale = 1.0
    if leaf.aggregate is Aggregate.RATE:
        scale = (leaf.window.ms - leaf.window.near_ms) / leaf.per_ms
    elif leaf.aggregate is Aggregate.RATIO and leaf.over is not None:
        scale = len(matching(leaf.over, leaf.window, facts, now_ms))
    elif leaf.aggregate is Aggregate.TREND:
        wide = replace(leaf.window, ms=2 * leaf.window.ms)
        both = len(matching(leaf.match, wide, facts, now_ms))
        scale = both - len(matching(leaf.match, leaf.window, facts, now_ms))
    elif leaf.aggregate is Aggregate.RECENCY:
        return [1]
    limit = 10 * MAX_ADDED
    scaled = [number * scale for number in _numbers(leaf) if abs(number * scale) < limit]
    return sorted({n for x in scaled for n in (floor(x) - 1, floor(x), ceil(x), floor(x) + 1)})


def _near_overs(leaf: EventLeaf, facts: Facts, now_ms: int, count: int) -> list[int]:
    assert leaf.over is not None
    held = len(matching(leaf.over, leaf.window, facts, now_ms))
    shares = [number for number in _numbers(leaf) if number > 0 and count / number < MAX_ADDED]
    wanted = {n - held for x in shares for n in (ceil(count / x), floor(count / x) + 1)} | {1}
    return sorted(amount for amount in wanted if amount >= 1)


def _near_values(leaf: EventLeaf, facts: Facts, now_ms: int) -> Iterator[Scalar]:
    """Values of one more event that may turn the leaf."""
    finding = FINDERS[EventLeaf](leaf, facts, now_ms)
    held = as_number(finding.value) or 0.0
    for wanted in _numbers(leaf):
        if leaf.aggregate is Aggregate.SUM:
            yield from (wanted - held, wanted - held + 1, wanted - held - 1)
        elif leaf.aggregate is Aggregate.AVG:
            count = len(finding.evidence)
            needed = wanted * (count + 1) - held * count
            yield from (needed, needed + 1, needed - 1)
    for value in candidates(leaf.op, leaf.value):
        if isinstance(value, str | int | float):
            yield value


_TRIES: dict[type, Callable[[Any, str, Facts, int], Iterator[Changes]]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    SegmentLeaf: _segment,
    ConsentLeaf: _consent,
    ListLeaf: _list,
    ModelLeaf: _model,
    RelationLeaf: _relation,
    EventLeaf: _event,
    **nearest_paths.TRIES,
}
