"""The smallest change that would flip a verdict: "2 more "Product Viewed" by 14:32".

Chosen from a trace: of a group that needs all of its parts, what each of them is missing; of one
that needs any, the cheapest. What is returned was tried: applied to the facts it flips the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.conditions.changes import ChangeKind, NearestChange, applied
from engine.conditions.evaluate import Trace, truth
from engine.conditions.nearest_leaves import Plan, leaf_plans, meta_of
from engine.conditions.nodes import All, AnyOf, AtLeast, Nested, Node, NoneOf, Not, parts_of
from engine.conditions.trials import Changes
from engine.facts import Facts, TraitMeta

MAX_PLANS = 6  # alternatives kept per group


def nearest_changes(trace: Trace, facts: Facts, now_ms: int) -> Changes:
    """What would have to change for the root to become true, or no longer true.

    All of the changes together, made at `now_ms`; none when no way was found (a share of the
    visitors, say, cannot be changed). `trace` is that of these facts at this instant.
    """
    facts = facts.as_of(now_ms)
    inside = trace.verdict is True
    meta = needed_meta(trace.node)
    for _, changes in _plans(trace, "", facts, now_ms, not inside):
        after, at_ms = applied(changes, facts, now_ms, meta)
        if changes and (truth(trace.node, after, at_ms) is True) is not inside:
            return changes
    return ()


def needed_meta(node: Node) -> dict[str, TraitMeta]:
    """How each trait would have to be observed, for `applied`: from where the condition asks."""
    found = meta_of(node)
    for part in parts_of(node):
        found = {**needed_meta(part), **found}
    return found


def _plans(trace: Trace, path: str, facts: Facts, now_ms: int, wanted: bool) -> list[Plan]:
    """The cheapest ways to make the node's verdict `wanted`, the cheapest first."""
    if trace.verdict is wanted:
        return [(0.0, ())]
    node = trace.node
    match node:
        case All() | AnyOf() | NoneOf() | Not() | AtLeast() | Nested():
            return _group_plans(trace, path, facts, now_ms, wanted)
    return leaf_plans(node, path, facts, now_ms, wanted)


def _group_plans(trace: Trace, path: str, facts: Facts, now_ms: int, wanted: bool) -> list[Plan]:
    node = trace.node
    of_part = not wanted if isinstance(node, NoneOf | Not) else wanted
    parts = [
        _plans(part, _path(node, path, i), facts, now_ms, of_part)
        for i, part in enumerate(trace.parts)
    ]
    return _some(parts, _needed(node, len(parts), wanted))


def _needed(node: Node, count: int, wanted: bool) -> int:
    """How many parts must be as wanted for the group to be."""
    match node:
        case All():
            return count if wanted else 1
        case AnyOf():
            return 1 if wanted else count
        case NoneOf():
            return count if wanted else 1
        case AtLeast(k, _):
            return k if wanted else count - k + 1
    return 1


def _some(parts: list[list[Plan]], needed: int) -> list[Plan]:
    """Ways to do `needed` of the parts: `ways[n]` are the cheapest for n of those seen."""
    ways: list[list[Plan]] = [[(0.0, ())], *([] for _ in range(needed))]
    for plans in parts:
        for n in range(needed, 0, -1):
            more = [both for one in ways[n - 1] for other in plans for both in _both(one, other)]
            ways[n] = _cheapest([*ways[n], *more])
    return ways[needed]


def _cheapest(plans: Iterable[Plan]) -> list[Plan]:
    found: dict[str, Plan] = {}
    for plan in sorted(plans, key=lambda plan: plan[0]):
        found.setdefault(repr(plan[1]), plan)  # by text: lists have no hash, and 1 equals true
    return list(found.values())[:MAX_PLANS]


def _both(one: Plan, other: Plan) -> list[Plan]:
    """Both plans, and where they add the same events, also the larger number of them alone."""
    (cost, changes), (other_cost, others) = one, other
    sum_of_both = (cost + other_cost, changes + others)
    same = [(a, b) for a in changes for b in others if _are_alike(a, b)]
    if not same:
        return [sum_of_both]
    spared = [a if a.amount < b.amount else b for a, b in same]
    kept = tuple(
        change
        for change in changes + others
        if not any(change is one or change == one for one in spared)
    )
    for change in spared:
        if not _covered(change, kept):
            kept += (change,)
    saved = sum(change.amount for change in spared)
    return [(max(0.0, cost + other_cost - saved), kept), sum_of_both]


def _are_alike(one: NearestChange, other: NearestChange) -> bool:
    return (
        one.kind is ChangeKind.MORE_EVENTS
        and other.kind is ChangeKind.MORE_EVENTS
        and (one.match, one.properties, one.values) == (other.match, other.properties, other.values)
    )


def _covered(change: NearestChange, kept: Changes) -> bool:
    return any(_are_alike(change, held) and held.amount >= change.amount for held in kept)


def _path(node: Node, path: str, i: int) -> str:
    name = {
        All: f"all[{i}]",
        AnyOf: f"any[{i}]",
        NoneOf: f"none[{i}]",
        Not: "not",
        AtLeast: f"at_least.of[{i}]",
    }.get(type(node), "where")
    return f"{path}.{name}" if path else name
