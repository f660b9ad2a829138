"""What the linter says is compared with everybody there can be in small worlds: it is never wrong.

The linter may be silent where it could speak; how often it speaks is measured too.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.evaluate import truth
from engine.conditions.lint import Relation, always_true, never_true, relation
from engine.conditions.lint_parts import Trouble, flaws_of, placed
from engine.conditions.nodes import All, AnyOf, AtLeast, Node, NoneOf, Not
from engine.conditions.parse import parse_condition
from engine.conditions.scope import inline_segments
from engine.facts import Facts, Happening, Scalar

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# Traits over a few values, missing among them; ages and properties that lie between thresholds.
PLANS: tuple[object, ...] = (None, "free", "pro", "proper", 3)
AGES: tuple[object, ...] = (None, 1, 2, 2.5, 3, "2")
# Each event is there or not: two names, in and out of the windows, with and without a property.
HAPPENED: tuple[tuple[str, int, dict[str, Scalar]], ...] = (
    ("Viewed", NOW_MS - HOUR_MS // 2, {"kind": "a"}),
    ("Viewed", NOW_MS - 5 * HOUR_MS, {"kind": "b"}),
    ("Viewed", NOW_MS - 3 * DAY_MS, {}),
    ("Viewed", NOW_MS - 30 * DAY_MS, {"kind": "a"}),
    ("Bought", NOW_MS - 2 * HOUR_MS, {"kind": "a"}),
)
WINDOWS: tuple[object, ...] = ("ever", {"last": "1h"}, {"last": "1d"}, {"last": "7d"})
UNITS = ("u1", "u2", "u4", "u9")  # their shares of the seed "s": see `people`


@cache
def people() -> tuple[Facts, ...]:
    """Everybody: each combination of traits, events and shares."""
    histories = []
    for size in range(len(HAPPENED) + 1):
        for chosen in combinations(HAPPENED, size):
            events = [Happening(at, name, 1, dict(own)) for name, at, own in chosen]
            histories.append(sorted(events, key=lambda event: event.at_ms))
    found = []
    for number, (plan, age, history) in enumerate(product(PLANS, AGES, histories)):
        traits = {"plan": plan, "age": age}
        traits = {name: value for name, value in traits.items() if value is not None}
        unit = UNITS[number % len(UNITS)]
        consents = ({}, {"analytics": True}, {"analytics": False})[number % 3]
        memberships = {"vip": number % 2 == 0}
        found.append(
            Facts(traits, history, unit_id=unit, consents=consents, memberships=memberships)
        )
    return tuple(found)


@cache
def crowd(size: int) -> tuple[Facts, ...]:
    """More people than can be enumerated: many events, other values, all facts independent."""
    draw = random.Random(7)
    return tuple(_stranger(draw) for _ in range(size))


def _stranger(draw: random.Random) -> Facts:
    ages = [HOUR_MS // 2, 5 * HOUR_MS, DAY_MS - 1, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS]
    kinds: list[dict[str, Scalar]] = [
        {},
        {"kind": "a"},
        {"kind": "a"},
        {"kind": "b"},
        {"kind": "c"},
    ]
    names = ["Viewed", "Viewed", "Bought", "Shared"]
    history = [
        Happening(NOW_MS - draw.choice(ages), draw.choice(names), 1, dict(draw.choice(kinds)))
        for _ in range(draw.choice([0, 1, 2, 3, 4, 5, 8]))
    ]
    plans = [*PLANS, "freer", "q", "p", "", "fro", "zpre", True, ["free"], ["x"], ["pro", "r"], 2]
    ages_known = [*AGES, 0, 1.5, 4, True, "x", [2], 10]
    traits = {"plan": draw.choice(plans), "age": draw.choice(ages_known)}
    return Facts(
        {name: value for name, value in traits.items() if value is not None},
        sorted(history, key=lambda event: event.at_ms),
        unit_id=f"u{draw.randint(0, 99)}",
        consents=draw.choice([{}, {"analytics": True}, {"analytics": False}]),
        memberships={"vip": draw.random() < 0.5},
    )


def members(node: Node, strangers: int = 300) -> list[bool]:
    everybody = (*people(), *crowd(strangers))
    return [truth(node, facts, NOW_MS) is True for facts in everybody]


# Conditions


def _filter(draw: random.Random) -> list[dict[str, object]]:
    tests: list[list[dict[str, object]]] = [
        [],
        [{"property": "kind", "op": "eq", "value": "a"}],
        [{"property": "kind", "op": "in", "value": ["a", "b"]}],
        [{"property": "kind", "op": "is_missing"}],
        [{"property": "kind", "op": "ne", "value": "b"}],
    ]
    return draw.choice(tests)


def _count(draw: random.Random) -> dict[str, object]:
    return {
        "kind": "event",
        "name": draw.choice(["Viewed", "Viewed", "Bought", "*"]),
        "where": _filter(draw),
        "aggregate": draw.choice(["count", "count", "count", "days_active", "streak"]),
        "window": draw.choice(WINDOWS),
        "op": draw.choice(["gte", "gt", "lt", "lte", "eq", "ne"]),
        "value": draw.randint(0, 4),
    }


def _of_events(draw: random.Random) -> dict[str, object]:
    name, where, window = draw.choice(["Viewed", "Bought"]), _filter(draw), draw.choice(WINDOWS)
    leaves: list[dict[str, Any]] = [
        {"aggregate": "distinct", "of": "kind", "op": "gte", "value": draw.randint(0, 3)},
        {"aggregate": "last", "of": "kind", "op": "eq", "value": draw.choice(["a", "b"])},
        {"aggregate": "recency", "op": draw.choice(["gt", "lt"]), "value": "1d"},
        {"aggregate": "recency", "op": draw.choice(["is_set", "is_missing"])},
    ]
    return {"kind": "event", "name": name, "where": where, "window": window, **draw.choice(leaves)}


def _path(draw: random.Random) -> dict[str, object]:
    names = draw.choice([["Viewed", "Bought"], ["Viewed", "Viewed"], ["Bought", "Viewed"]])
    return {
        "kind": "sequence",
        "steps": [{"name": name} for name in names],
        "window": draw.choice(WINDOWS),
        "times": draw.randint(1, 2),
    }


def _plan(draw: random.Random) -> dict[str, object]:
    asked: list[dict[str, object]] = [
        {"op": "eq", "value": draw.choice(["free", "pro"])},
        {"op": "ne", "value": draw.choice(["free", "pro"])},
        {"op": "in", "value": ["free", "pro"]},
        {"op": "starts_with", "value": draw.choice(["pro", "p", "f"])},
        {"op": "contains", "value": draw.choice(["r", "pro"])},
        {"op": "matches", "value": draw.choice(["^pro", "e"])},
        {"op": "is_set"},
        {"op": "is_missing"},
        {"op": draw.choice(["gt", "lte"]), "value": "pro"},
        {"op": "has_any", "value": ["free", "pro"]},
    ]
    return {"kind": "trait", "name": "plan", **draw.choice(asked)}


def _age(draw: random.Random) -> dict[str, object]:
    if draw.random() < 0.15:
        return {"kind": "trait", "name": "age", "op": "between", "value": [1, draw.randint(1, 3)]}
    op = draw.choice(["gt", "gte", "lt", "lte", "eq", "ne"])
    return {"kind": "trait", "name": "age", "op": op, "value": draw.randint(1, 3)}


def _known(draw: random.Random) -> dict[str, object]:
    start = draw.choice([0, 25, 50])
    end = start + draw.choice([25, 50])
    return draw.choice(
        [
            {"kind": "percent", "seed": "s", "from": start, "to": end},
            {"kind": "consent", "purpose": "analytics"},
            {"kind": "segment", "key": "vip"},
            {"kind": "segment", "key": "buyers"},
        ]
    )


LEAVES = (_count, _count, _count, _of_events, _path, _plan, _plan, _age, _age, _known)


def _tree(draw: random.Random, depth: int) -> dict[str, Any]:
    if depth == 0 or draw.random() < 0.25:
        return draw.choice(LEAVES)(draw)
    group = draw.choice(["all", "all", "any", "any", "none", "not", "at_least"])
    if group == "not":
        return {"not": _tree(draw, depth - 1)}
    parts = [_tree(draw, depth - 1) for _ in range(draw.randint(2, 3))]
    if group == "at_least":
        return {"at_least": {"k": draw.randint(1, len(parts)), "of": parts}}
    return {group: parts}


NESTED = {
    "buyers": parse_condition(
        {
            "v": 1,
            "where": {
                "any": [
                    {"kind": "event", "name": "Bought", "aggregate": "count", "window": "ever",
                     "op": "gte", "value": 1},
                    {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"},
                ]
            },
        }
    )
}  # fmt: skip


def condition(seed: int, depth: int = 2) -> Node:
    where = _tree(random.Random(seed), depth)
    return inline_segments(parse_condition({"v": 1, "where": where}), NESTED)


seeds = st.integers(0, 2**32)


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_nobody_meets_what_is_called_never_true_and_everybody_what_is_called_always_true(
    seed: int,
) -> None:
    node = condition(seed)
    inside = members(node)
    if never_true(node):
        assert not any(inside)
    if always_true(node):
        assert all(inside)


@settings(max_examples=80, deadline=None)
@given(seeds, seeds)
def test_two_conditions_lie_to_each_other_as_is_said(one: int, other: int) -> None:
    a, b = condition(one, 1), condition(other, 1)
    said = relation(a, b)
    if said is None:
        return
    pairs = list(zip(members(a), members(b), strict=True))
    if said in (Relation.SAME, Relation.WITHIN):
        assert all(in_b for in_a, in_b in pairs if in_a)
    if said in (Relation.SAME, Relation.AROUND):
        assert all(in_a for in_a, in_b in pairs if in_b)
    if said is Relation.APART:
        assert not any(in_a and in_b for in_a, in_b in pairs)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_parts_that_are_called_redundant_can_be_taken_out_together(seed: int) -> None:
    node = condition(seed)
    found = flaws_of(node).found
    gone = {flaw.path for flaw in found if flaw.trouble is Trouble.REDUNDANT}
    if gone:
        assert members(node) == members(_without(node, "", gone))
    for part, path in _every(node, ""):
        for flaw in found:
            if flaw.path == path and flaw.trouble is Trouble.NEVER:
                assert not any(members(part))
            if flaw.path == path and flaw.trouble is Trouble.ALWAYS:
                assert all(members(part))


def _every(node: Node, path: str) -> list[tuple[Node, str]]:
    found = [(node, path)]
    for part, place in placed(node, path):
        found += _every(part, place)
    return found


def _without(node: Node, path: str, gone: set[str]) -> Node:
    """The tree without the parts at some places."""
    parts = [(part, place) for part, place in placed(node, path) if place not in gone]
    kept = tuple(_without(part, place, gone) for part, place in parts)
    match node:
        case All() | AnyOf() | NoneOf() | AtLeast():
            return replace(node, parts=kept)
        case Not():
            return Not(kept[0])
    return node


def test_the_linter_is_not_silent_where_a_proof_is_near() -> None:
    """Of random conditions that nobody, or everybody, meets it names a good part."""
    found = [(condition(seed), seed) for seed in range(300)]
    spoken = [seed for node, seed in found if never_true(node) or always_true(node)]
    assert len(spoken) >= 15
