"""How members come and go: policies as documents, as part of the tree, and folded over time."""

import itertools
from typing import Any

import pytest

from engine.conditions.compile import forecast
from engine.conditions.evaluate import truth
from engine.conditions.nodes import All, Nested, NoneOf, Op, SegmentLeaf, TraitLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.policy import (
    OUTSIDE,
    Latch,
    Policy,
    compile_latched,
    fold,
    gated,
    parse_policy,
    policy_json,
)
from engine.conditions.scope import inline_segments, leaves_of
from engine.errors import InvalidCondition
from engine.facts import Facts, Happening

MINUTE = 60_000


def viewed(window: object, least: int = 1) -> dict[str, Any]:
    leaf = {
        "kind": "event", "name": "Viewed", "aggregate": "count", "window": window, "op": "gte",
        "value": least,
    }  # fmt: skip
    return {"v": 1, "where": leaf}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"minStay": "10m", "cooldown": "1h", "once": True},
        {"leave": viewed({"last": "1h"}, 5), "parent": "vip"},
        {"group": "home", "priority": -3},
    ],
    ids=["none", "times", "leave", "group"],
)
def test_a_policy_survives_being_written_down(document: dict[str, Any]) -> None:
    assert policy_json(parse_policy(document)) == document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"minstay": "1m"}, "policy.minstay"),
        ({"minStay": "-1m"}, "policy.minStay"),
        ({"once": 1}, "policy.once"),
        ({"priority": True}, "policy.priority"),
        ({"parent": ""}, "policy.parent"),
        ({"leave": {"v": 1, "where": {"kind": "nothing"}}}, "policy.leave.kind"),
        ([], "policy"),
    ],
    ids=["unknown", "negative", "flag", "number", "empty", "leave", "list"],
)
def test_what_is_no_policy_is_refused_with_its_place(document: object, path: str) -> None:
    with pytest.raises(InvalidCondition) as refusal:
        parse_policy(document)
    assert refusal.value.path == path


def test_of_a_group_the_greatest_priority_comes_first_then_the_first_key() -> None:
    nodes = {key: TraitLeaf(key, "eq", 1) for key in "abc"}  # type: ignore[arg-type]
    policies = {
        "a": Policy(group="g"),
        "b": Policy(group="g", priority=5),
        "c": Policy(group="g", parent="vip"),
    }
    found = gated(nodes, policies)
    assert found["b"] == nodes["b"]
    assert found["a"] == All((NoneOf((Nested("b", nodes["b"]),)), Nested("a", nodes["a"])))
    before = NoneOf((Nested("b", nodes["b"]), Nested("a", nodes["a"])))
    assert found["c"] == All((All((SegmentLeaf("vip"), before)), Nested("c", nodes["c"])))


def test_the_last_of_a_large_group_asks_each_of_the_others_once() -> None:
    keys = [f"s{n:02}" for n in range(32)]
    nodes = {key: TraitLeaf(key, "eq", 1) for key in keys}  # type: ignore[arg-type]
    policies = dict.fromkeys(keys, Policy(group="g"))
    whole = gated(nodes, policies)
    assert sum(1 for _ in leaves_of(inline_segments(whole["s31"], whole))) == 32


def test_of_a_group_nobody_is_in_two_and_nobody_who_meets_one_is_in_none() -> None:
    """With a parent, a value that is not known, and every order of what is met."""
    nodes = {key: TraitLeaf(key, Op.EQ, 1) for key in ("a", "b", "c", "vip")}
    policies = {
        "a": Policy(group="g", parent="vip"),
        "b": Policy(group="g"),
        "c": Policy(group="g", priority=-1),
    }
    whole = gated(nodes, policies)
    inlined = {key: inline_segments(whole[key], whole) for key in "abc"}
    for values in itertools.product((None, 0, 1), repeat=4):
        met = dict(zip(("a", "b", "c", "vip"), values, strict=True))
        facts = Facts({key: value for key, value in met.items() if value is not None})
        inside = [key for key in "abc" if truth(inlined[key], facts, 0) is True]
        wanted = [key for key in "abc" if met[key] == 1 and (key != "a" or met["vip"] == 1)]
        assert inside == wanted[:1], met


def changes_of(
    policy: Policy, views: list[int], until: int, window: str = "10m"
) -> list[tuple[bool, float]]:
    """What happens to somebody who views at these minutes: (came in, minute)."""
    latched = compile_latched(parse_condition(viewed({"last": window})), policy, None, policy.leave)
    history = [Happening(at * MINUTE, "Viewed", 1) for at in views]

    def at(moment: int) -> Facts:
        return Facts(history=[one for one in history if one.at_ms <= moment])

    folded = fold(latched, OUTSIDE, [at * MINUTE for at in views], at, until * MINUTE)
    return [(entered, moment / MINUTE) for entered, moment in folded.changes]


def test_without_a_policy_the_condition_alone_counts() -> None:
    assert changes_of(Policy(), [0, 5, 30], 60) == [(True, 0), (False, 15), (True, 30), (False, 40)]


def test_a_minimum_stay_outlasts_the_condition() -> None:
    assert changes_of(Policy(min_stay_ms=20 * MINUTE), [0], 60) == [(True, 0), (False, 20)]
    assert changes_of(Policy(min_stay_ms=20 * MINUTE), [0, 18], 60) == [(True, 0), (False, 28)]


def test_a_cooldown_keeps_out_and_lets_in_at_its_end() -> None:
    policy = Policy(cooldown_ms=15 * MINUTE)
    assert changes_of(policy, [0, 20], 60) == [(True, 0), (False, 10), (True, 25), (False, 30)]
    assert changes_of(policy, [0, 12], 60) == [(True, 0), (False, 10)]


def test_once_is_once() -> None:
    assert changes_of(Policy(once=True), [0, 30], 60) == [(True, 0), (False, 10)]


def test_who_is_in_stays_until_the_leave_condition() -> None:
    leaf = {
        "kind": "event", "name": "Viewed", "aggregate": "recency", "window": "ever", "op": "gte",
        "value": "25m",
    }  # fmt: skip
    leave = parse_condition({"v": 1, "where": leaf})
    assert changes_of(Policy(leave=leave), [0, 20], 60) == [(True, 0), (False, 45)]


def test_a_forecast_knows_the_end_of_the_stay_and_of_the_cooldown() -> None:
    condition = parse_condition(viewed({"last": "1h"}))
    policy = Policy(min_stay_ms=90 * MINUTE, cooldown_ms=30 * MINUTE)
    latched = compile_latched(condition, policy, None, None)
    facts = Facts(history=[Happening(0, "Viewed", 1)])

    latch, until_ms = latched.step(OUTSIDE, facts, 0)

    assert latch == Latch(True, 0, None)
    assert latched.forecast(latch, facts, until_ms) == (True, 90 * MINUTE, False, None)
    plain = compile_latched(condition, Policy(), None, None)
    compiled = forecast(plain.enter, facts, 0)
    assert plain.forecast(*plain.step(OUTSIDE, facts, 0)[:1], facts, 60 * MINUTE) == compiled


def test_a_gate_that_shuts_ends_even_a_minimum_stay() -> None:
    gate = parse_condition(
        {"v": 1, "where": {"kind": "trait", "name": "vip", "op": "eq", "value": True}}
    )
    policy = Policy(min_stay_ms=90 * MINUTE)
    latched = compile_latched(parse_condition(viewed({"last": "1h"})), policy, gate, None)
    history = [Happening(0, "Viewed", 1)]

    inside, _ = latched.step(OUTSIDE, Facts({"vip": True}, history), 0)
    outside, _ = latched.step(inside, Facts({"vip": False}, history), MINUTE)

    assert (inside.inside, outside) == (True, Latch(False, None, MINUTE))
