"""The smallest change that would flip a verdict, and that it really does."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.changes import ChangeKind, NearestChange, applied
from engine.conditions.nearest import nearest_changes, needed_meta
from engine.conditions.nodes import EventLeaf, Node
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening
from tests.engine import event_worlds, trees

checks = settings(
    max_examples=int(os.environ.get("ATTUNE_PARITY", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize="ATTUNE_PARITY" not in os.environ,
)

NOON_MS = 1_763_805_600_000  # 2025-11-22 10:00 UTC, 11:00 in Paris
MINUTE_MS = 60_000

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
VIEWS = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": {"last": "30m"},
    "op": "gte",
    "value": 3,
}
ADDED = {
    "kind": "event",
    "name": "Product Added",
    "aggregate": "count",
    "window": "ever",
    "op": "gte",
    "value": 1,
}


def nearest(
    where: dict[str, Any], facts: Facts, now_ms: int = NOON_MS
) -> tuple[NearestChange, ...]:
    node = parse_condition({"v": 1, "where": where})
    return nearest_changes(evaluate.trace(node, facts, now_ms), facts, now_ms)


def viewed(*ago_ms: int) -> Facts:
    history = [Happening(NOON_MS - ago, "Product Viewed", 1) for ago in sorted(ago_ms)[::-1]]
    return Facts(history=history, site_zone="Europe/Paris")


def test_a_count_misses_so_many_events_and_only_for_so_long() -> None:
    (change,) = nearest(VIEWS, viewed(10 * MINUTE_MS))

    assert (change.kind, change.amount) == (ChangeKind.MORE_EVENTS, 2)
    assert change.deadline_ms == NOON_MS + 20 * MINUTE_MS
    assert change.text == '2 more "Product Viewed" by 11:20'


def test_a_group_that_needs_all_misses_what_each_part_misses() -> None:
    changes = nearest({"all": [PRO, VIEWS, ADDED]}, viewed(0))

    assert [(c.path, c.kind, c.amount) for c in changes] == [
        ("all[0]", ChangeKind.TRAIT, 1),
        ("all[1]", ChangeKind.MORE_EVENTS, 2),
        ("all[2]", ChangeKind.MORE_EVENTS, 1),
    ]


def test_a_group_that_needs_any_takes_what_is_cheapest() -> None:
    (change,) = nearest({"any": [PRO, VIEWS, ADDED]}, viewed(0))

    assert (change.path, change.text) == ("any[2]", '1 more "Product Added"')


def test_events_that_serve_two_parts_are_asked_for_once() -> None:
    (change,) = nearest({"all": [VIEWS, VIEWS | {"value": 5}]}, viewed(0))

    assert (change.path, change.amount) == ("all[1]", 4)


def test_who_is_in_falls_out_by_waiting() -> None:
    (change,) = nearest({"not": {"none": [VIEWS]}}, viewed(0, MINUTE_MS, 2 * MINUTE_MS))

    assert (change.kind, change.amount) == (ChangeKind.WAIT, 28 * MINUTE_MS)
    assert change.text == "wait 28 minutes"


def test_a_sequence_misses_its_last_steps_with_the_same_key() -> None:
    step = {"name": "Product Viewed"}
    sequence = {
        "kind": "sequence",
        "steps": [step, {"name": "Product Added"}],
        "by": ["product_id"],
    }
    history = [Happening(NOON_MS, "Product Viewed", 1, {"product_id": "p7"})]

    (change,) = nearest(sequence | {"window": "ever"}, Facts(history=history))

    assert change.match is not None
    assert (change.match.name, change.properties) == ("Product Added", (("product_id", "p7"),))


def test_a_share_of_the_visitors_is_not_to_be_changed() -> None:
    nobody = {"kind": "percent", "seed": "s", "from": 0, "to": 0.01}

    assert nearest(nobody, Facts(unit_id="u1")) == ()


@pytest.mark.parametrize(
    ("op", "value", "text"),
    [
        ("gte", 50, "with revenue 30.5"),
        ("gt", 50, "with revenue 31.5"),
    ],
)
def test_a_sum_misses_one_event_that_is_worth_the_rest(op: str, value: int, text: str) -> None:
    spent = ADDED | {"name": "Order Completed", "aggregate": "sum", "of": "revenue"}
    history = [Happening(NOON_MS, "Order Completed", 1, {"revenue": 19.5})]

    (change,) = nearest(spent | {"op": op, "value": value}, Facts(history=history))

    assert change.text == f'1 more "Order Completed" {text}'


@checks
@given(trees.conditions(), trees.facts(), st.data())
def test_doing_what_is_said_flips_the_verdict(
    node: Node, facts: Facts, data: st.DataObject
) -> None:
    now_ms = data.draw(st.sampled_from(trees.moments(node, facts)))
    _check(node, facts, now_ms)


@checks
@given(event_worlds.event_leaves(), event_worlds.facts(), st.data())
def test_doing_what_is_said_of_an_event_leaf_flips_it_until_the_deadline(
    leaf: EventLeaf, facts: Facts, data: st.DataObject
) -> None:
    now_ms = data.draw(st.sampled_from(event_worlds.moments(leaf, facts)))
    for change in _check(leaf, facts, now_ms):
        if change.deadline_ms is None:
            continue
        still, inside = facts.as_of(now_ms), evaluate.truth(leaf, facts, now_ms) is True
        last, too_late = (
            evaluate.truth(leaf, *applied((change,), still, at_ms)) is True
            for at_ms in (change.deadline_ms - 1, change.deadline_ms)
        )
        assert last is not inside
        assert too_late is inside or not inside


def _check(node: Node, facts: Facts, now_ms: int) -> tuple[NearestChange, ...]:
    inside = evaluate.truth(node, facts, now_ms) is True
    changes = nearest_changes(evaluate.trace(node, facts, now_ms), facts, now_ms)
    assert all(change.text for change in changes)
    if changes:
        after, at_ms = applied(changes, facts.as_of(now_ms), now_ms, needed_meta(node))
        assert (evaluate.truth(node, after, at_ms) is True) is not inside
    return changes
