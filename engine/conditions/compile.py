"""The same answers as `evaluate`, as closures built once per publication.

A compiled condition returns (verdict, valid_until_ms): before `valid_until_ms` the verdict cannot
change unless something new happens; None means never. The instant is honest but may be early for
a group; `forecast` walks on to the real flip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from engine.conditions import (
    absences,
    dwell,
    event_parts,
    plain_leaves,
    scores,
    sequences,
)
from engine.conditions.answers import FOREVER, Answer, Builder, Part, Truth
from engine.conditions.fused import fused, is_fusible
from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    All,
    AnyOf,
    AtLeast,
    ConsentLeaf,
    ContextLeaf,
    Group,
    ListLeaf,
    ModelLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
    parts_of,
)
from engine.facts import Facts

Compiled: TypeAlias = Callable[[Facts, int], tuple[Truth, int | None]]

MAX_STEPS = 512  # instants a forecast looks at, per flip


class Forecast(NamedTuple):
    """A verdict and what becomes of it if nothing new happens. Unknown counts as outside.

    `until_ms` None: it stays. Else at `until_ms` it becomes `then`, which holds until
    `then_until_ms` (None: it stays). `then` None: not followed that far, ask again at `until_ms`.
    """

    inside: bool
    until_ms: int | None
    then: bool | None
    then_until_ms: int | None


def compile_condition(node: Node) -> Compiled:
    """Return the condition as a function of (facts, now_ms)."""
    if is_fusible(node):
        return fused(node, *(_ENDLESS[verdict] for verdict in (True, False, None)))
    part = part_of(node)

    def condition(facts: Facts, now_ms: int) -> tuple[Truth, int | None]:
        history = facts.history
        if history and history[-1].at_ms > now_ms:
            facts = facts.as_of(now_ms)
        verdict = part(facts, now_ms)
        return verdict if verdict[1] != FOREVER else _ENDLESS[verdict[0]]

    return condition


_ENDLESS: dict[Truth, tuple[Truth, None]] = {
    True: (True, None),
    False: (False, None),
    None: (None, None),
}


def forecast(compiled: Compiled, facts: Facts, now_ms: int) -> Forecast:
    """Return the verdict now and its next two real flips, assuming that no event follows."""
    facts = facts.as_of(now_ms)
    return forecast_from(compiled(facts, now_ms), compiled, facts)


def forecast_from(answer: tuple[Truth, int | None], compiled: Compiled, facts: Facts) -> Forecast:
    """Return the forecast of a condition that has been answered.

    Args:
        answer: of `compiled` now.
        facts: as they are now: no event of the future is in them.
    """
    verdict, until_ms = answer
    inside = verdict is True
    if until_ms is None:
        return Forecast(inside, None, None, None)
    flips, until_ms, then_next_ms = _next_flip(compiled, facts, inside, until_ms)
    if not flips:
        return Forecast(inside, until_ms, None, None)
    if then_next_ms is None:
        return Forecast(inside, until_ms, not inside, None)
    _, then_until_ms, _ = _next_flip(compiled, facts, not inside, then_next_ms)
    return Forecast(inside, until_ms, not inside, then_until_ms)


def _next_flip(
    compiled: Compiled, facts: Facts, inside: bool, moment: int
) -> tuple[bool, int | None, int | None]:
    """Walk from instant to instant: (does it flip, when, valid_until_ms of what follows).

    Without a flip the instant is None, or the last one looked at when there were too many.
    """
    for _ in range(MAX_STEPS):
        verdict, until_ms = compiled(facts, moment)
        if (verdict is True) is not inside:
            return True, moment, until_ms
        if until_ms is None:
            return False, None, None
        moment = until_ms
    return False, moment, None


# Groups


def _all(node: All) -> Part:
    parts = _parts(node)

    def every(facts: Facts, now_ms: int) -> Answer:
        verdict: Truth = True
        until = FOREVER
        for part in parts:
            answer = part(facts, now_ms)
            if answer[0] is False:
                return answer  # settles it for as long as this part stays false
            if answer[0] is None:
                verdict = None
            if answer[1] < until:
                until = answer[1]
        return verdict, until

    return every


def _any(node: AnyOf) -> Part:
    parts = _parts(node)

    def either(facts: Facts, now_ms: int) -> Answer:
        verdict: Truth = False
        until = FOREVER
        for part in parts:
            answer = part(facts, now_ms)
            if answer[0] is True:
                return answer
            if answer[0] is None:
                verdict = None
            if answer[1] < until:
                until = answer[1]
        return verdict, until

    return either


def _none(node: NoneOf) -> Part:
    return _negated(_any(AnyOf(node.parts)))


def _not(node: Not) -> Part:
    return _negated(part_of(node.part))


def _negated(part: Part) -> Part:
    def negation(facts: Facts, now_ms: int) -> Answer:
        verdict, until = part(facts, now_ms)
        return (None if verdict is None else not verdict), until

    return negation


def _at_least(node: AtLeast) -> Part:
    parts = tuple(part_of(part) for part in cheapest_first(node.parts))
    k = node.k

    def at_least(facts: Facts, now_ms: int) -> Answer:
        true = unknown = 0
        until = FOREVER
        for part in parts:
            verdict, part_until = part(facts, now_ms)
            if verdict:
                true += 1
            elif verdict is None:
                unknown += 1
            if part_until < until:
                until = part_until
        if true >= k:
            return True, until
        return (None if true + unknown >= k else False), until

    return at_least


def _nested(node: Nested) -> Part:
    part = part_of(node.where)

    def member(facts: Facts, now_ms: int) -> Answer:
        answer = part(facts, now_ms)
        return answer if answer[0] is not None else (False, answer[1])

    return member


def cheapest_first(nodes: tuple[Node, ...]) -> list[Node]:
    """Kleene groups do not depend on the order, so what needs no history may settle them."""
    return sorted(nodes, key=_cost)


def _parts(group: All | AnyOf) -> tuple[Part, ...]:
    """The parts of a group, those that can be one function made one."""
    plain = tuple(node for node in group.parts if is_fusible(node))
    rest = (part_of(node) for node in cheapest_first(group.parts) if not is_fusible(node))
    return (fused(type(group)(plain)), *rest) if plain else tuple(rest)


def _cost(node: Node) -> int:
    own = 1 if isinstance(node, _PLAIN) else 2 if isinstance(node, PercentLeaf) else 3
    return own + sum(_cost(part) for part in parts_of(node))


_PLAIN = (TraitLeaf, ContextLeaf, SegmentLeaf, ListLeaf, ConsentLeaf, RelationLeaf, ModelLeaf)

BUILDERS: dict[type, Builder] = {
    **plain_leaves.BUILDERS,
    **event_parts.BUILDERS,
    **sequences.BUILDERS,
    **absences.BUILDERS,
    **dwell.BUILDERS,
    **scores.BUILDERS,
    All: _all,
    AnyOf: _any,
    NoneOf: _none,
    Not: _not,
    AtLeast: _at_least,
    Nested: _nested,
}


def part_of(node: Node) -> Part:
    """Return a node as a closure over facts that hold no event after now."""
    if is_fusible(node):
        return fused(node)
    if isinstance(node, Group | Nested):
        return BUILDERS[type(node)](node)
    leaf = lowered(node)
    return BUILDERS[type(leaf)](leaf)
