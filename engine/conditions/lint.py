"""What can be proved about conditions without asking anybody: never true, always true, the same.

Every answer is a proof: "never true" means that no traits, events and instants make it true. Where
nothing is proved nothing is said; a search that takes too many steps answers None, "not checked".
The proofs see single conditions; that two facts of one person are unlikely together they cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.conditions.canonical import digest
from engine.conditions.lint_domains import Model
from engine.conditions.lint_formulas import Sign, formula_of
from engine.conditions.lint_search import OverBudget, Search
from engine.conditions.nodes import (
    ANY_EVENT,
    All,
    AnyOf,
    ContextLeaf,
    Node,
    PercentLeaf,
    SegmentLeaf,
)
from engine.conditions.scope import consent_purposes, event_names, leaves_of, trait_names

BUDGET = 20_000  # steps of a search: some milliseconds


class Relation(StrEnum):
    """How the people whom one condition lets in lie to those of another."""

    SAME = "same"
    WITHIN = "within"  # of another: everybody in the first is in the second
    AROUND = "around"
    APART = "apart"  # nobody is in both


@dataclass(frozen=True, slots=True)
class Clash:
    """Two parts of an `all` that can never be true together, by their place in it."""

    first: int
    second: int


def never_true(node: Node, budget: int = BUDGET) -> bool | None:
    """Is it proved that nobody can ever meet the condition? None: not checked to the end."""
    return _proved(budget, (node, Sign.TRUE))


def always_true(node: Node, budget: int = BUDGET) -> bool | None:
    """Is it proved that everybody always meets the condition? None: not checked to the end."""
    return _proved(budget, (node, Sign.NOT_TRUE))


def implies(a: Node, b: Node, budget: int = BUDGET) -> bool | None:
    """Is it proved that whoever meets `a` meets `b`? None: not checked to the end."""
    return _proved(budget, (a, Sign.TRUE), (b, Sign.NOT_TRUE))


def excludes(a: Node, b: Node, budget: int = BUDGET) -> bool | None:
    """Is it proved that nobody meets both? None: not checked to the end."""
    return _proved(budget, (a, Sign.TRUE), (b, Sign.TRUE))


def relation(a: Node, b: Node, budget: int = BUDGET) -> Relation | None:
    """Return how two conditions lie to each other, None where nothing is proved.

    Conditions that nobody or everybody meets lie to all others in some way: ask for these before.

    Raises:
        OverBudget: not checked to the end.
    """
    if digest(a) == digest(b):
        return Relation.SAME
    if not _share(subjects(a), subjects(b)):
        return None
    model = Model([a, b])
    search = Search(model.variables, model.ties, budget)
    true_a, true_b = (formula_of(node, Sign.TRUE, model) for node in (a, b))
    within = not search.can_be(true_a, formula_of(b, Sign.NOT_TRUE, model))
    around = not search.can_be(true_b, formula_of(a, Sign.NOT_TRUE, model))
    if within or around:
        return (
            Relation.SAME if within and around else (Relation.WITHIN if within else Relation.AROUND)
        )
    return None if search.can_be(true_a, true_b) else Relation.APART


def first_clash(node: Node, budget: int = BUDGET) -> Clash | None:
    """The first two parts of an `all` that are never true together; None: none was found."""
    if not isinstance(node, All):
        return None
    model = Model([node])
    search = Search(model.variables, model.ties, budget)
    formulas = [formula_of(part, Sign.TRUE, model) for part in node.parts]
    try:
        for second, formula in enumerate(formulas):
            for first in range(second):
                if not search.can_be(formulas[first], formula):
                    return Clash(first, second)
    except OverBudget:
        return None
    return None


def shadowed(nodes: list[Node], budget: int = BUDGET) -> bool | None:
    """Is it proved that whoever meets the last condition meets one of those before it?"""
    *before, last = nodes
    return _proved(budget, (last, Sign.TRUE), (AnyOf(tuple(before)), Sign.NOT_TRUE))


def _proved(budget: int, *said: tuple[Node, Sign]) -> bool | None:
    """Is it impossible that the verdicts on the nodes are all as said?"""
    model = Model([node for node, _ in said])
    search = Search(model.variables, model.ties, budget)
    try:
        return not search.can_be(*(formula_of(node, sign, model) for node, sign in said))
    except OverBudget:
        return None


# What conditions are about, to tell apart quickly those that have nothing in common


def subjects(node: Node) -> frozenset[str]:
    """Names of everything a condition is about. Two without a common name prove nothing."""
    return frozenset(_subjects(node))


def _subjects(node: Node) -> Iterator[str]:
    yield from (f"trait {name}" for name in trait_names(node))
    yield from (f"event {name}" for name in event_names(node))
    yield from (f"consent {purpose}" for purpose in consent_purposes(node))
    for leaf in leaves_of(node):
        match leaf:
            case ContextLeaf(name):
                yield f"context {name}"
            case PercentLeaf(seed):
                yield f"percent {seed}"
            case SegmentLeaf(key):
                yield f"segment {key}"


def _share(a: frozenset[str], b: frozenset[str]) -> bool:
    if not a.isdisjoint(b):
        return True
    every = f"event {ANY_EVENT}"
    return (every in a and any(name.startswith("event ") for name in b)) or (
        every in b and any(name.startswith("event ") for name in a)
    )
