"""The same answers as `evaluate`, as closures built once per publication.

A compiled condition returns (verdict, valid_until_ms): before `valid_until_ms` the verdict cannot
change unless something new happens; None means never. The instant is honest but may be early for
a group; `forecast` walks on to the real flip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from engine.bucketing import bucket_of
from engine.conditions.answers import (
    FOREVER,
    NO,
    UNKNOWN,
    YES,
    Answer,
    Part,
    Truth,
    answers,
)
from engine.conditions.event_parts import event_part
from engine.conditions.nodes import (
    All,
    AnyOf,
    AtLeast,
    ContextLeaf,
    EventLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    Op,
    PercentLeaf,
    SegmentLeaf,
    TraitLeaf,
    parts_of,
)
from engine.conditions.operators import tester
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
    part = _part(node)

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
    verdict, until_ms = compiled(facts, now_ms)
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


# Leaves


def _trait(leaf: TraitLeaf) -> Part:
    name = leaf.name
    if leaf.op is Op.EQ and isinstance(leaf.value, str):
        wanted = leaf.value

        def equals(facts: Facts, now_ms: int) -> Answer:
            found = facts.traits.get(name)
            return YES if found == wanted else UNKNOWN if found is None else NO

        return equals
    answer = answers(tester(leaf.op, leaf.value))
    return lambda facts, now_ms: answer(facts.traits.get(name))


def _context(leaf: ContextLeaf) -> Part:
    name = leaf.name
    answer = answers(tester(leaf.op, leaf.value))
    return lambda facts, now_ms: answer(facts.context.get(name))


def _segment(leaf: SegmentLeaf) -> Part:
    key = leaf.key
    return lambda facts, now_ms: YES if facts.memberships.get(key) is True else NO


def _percent(leaf: PercentLeaf) -> Part:
    seed, start, end = leaf.seed, leaf.start, leaf.end
    name = f"percent|{seed}"

    def share(facts: Facts, now_ms: int) -> Answer:
        position = facts.cache.get(name)
        if position is None:
            position = facts.cache[name] = bucket_of(facts.unit_id, seed=seed) / 100
        return YES if start <= position < end else NO

    return share


# Groups


def _all(node: All) -> Part:
    parts = _cheapest_first(node.parts)

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
    parts = _cheapest_first(node.parts)

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
    return _negated(_part(node.part))


def _negated(part: Part) -> Part:
    def negation(facts: Facts, now_ms: int) -> Answer:
        verdict, until = part(facts, now_ms)
        return (None if verdict is None else not verdict), until

    return negation


def _at_least(node: AtLeast) -> Part:
    parts, k = _cheapest_first(node.parts), node.k

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
    part = _part(node.where)

    def member(facts: Facts, now_ms: int) -> Answer:
        answer = part(facts, now_ms)
        return answer if answer[0] is not None else (False, answer[1])

    return member


def _cheapest_first(nodes: tuple[Node, ...]) -> tuple[Part, ...]:
    """Kleene groups do not depend on the order, so what needs no history may settle them."""
    return tuple(_part(node) for node in sorted(nodes, key=_cost))


def _cost(node: Node) -> int:
    own = 3 if isinstance(node, EventLeaf) else 2 if isinstance(node, PercentLeaf) else 1
    return own + sum(_cost(part) for part in parts_of(node))


BUILDERS: dict[type, Callable[[Any], Part]] = {
    TraitLeaf: _trait,
    ContextLeaf: _context,
    SegmentLeaf: _segment,
    PercentLeaf: _percent,
    EventLeaf: event_part,
    All: _all,
    AnyOf: _any,
    NoneOf: _none,
    Not: _not,
    AtLeast: _at_least,
    Nested: _nested,
}


def _part(node: Node) -> Part:
    return BUILDERS[type(node)](node)
