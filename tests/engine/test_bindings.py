"""What a true condition hands to the content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.conditions.bindings import binder, bindings_of
from engine.conditions.nodes import EventLeaf, NoneOf, Not
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening
from tests.engine import event_worlds

BOUGHT = {
    "kind": "event",
    "name": "Order Completed",
    "aggregate": "count",
    "window": {"last": "1m"},
    "op": "gte",
    "value": 1,
    "bind": {"category": "category"},
}
THEN_ADDED = {
    "kind": "sequence",
    "steps": [{"name": "Product Viewed"}, {"name": "Product Added"}],
    "window": "ever",
    "bind": {"product": {"step": 1, "property": "product_id"}},
}
HISTORY = [
    Happening(0, "Product Viewed", 1, {"product_id": "p1"}),
    Happening(1000, "Order Completed", 1, {"category": "shoes"}),
    Happening(2000, "Order Completed", 1, {"category": "hats"}),
    Happening(3000, "Product Added", 1, {"product_id": "p2"}),
]


def bound(where: dict[str, Any], now_ms: int, history: list[Happening] = HISTORY) -> Any:
    node = parse_condition({"v": 1, "where": where})
    facts = Facts(history=history)
    bind = binder(node)
    assert bind is not None
    assert bind(facts, now_ms) == bindings_of(node, facts, now_ms)
    return bindings_of(node, facts, now_ms)


def test_the_latest_event_of_the_window_gives_the_value() -> None:
    assert bound(BOUGHT, 1500) == {"category": "shoes"}
    assert bound(BOUGHT, 2000) == {"category": "hats"}
    assert bound(BOUGHT, 62_000) == {}


def test_a_sequence_binds_what_its_steps_had() -> None:
    assert bound({"all": [BOUGHT, THEN_ADDED]}, 3000) == {"category": "hats", "product": "p1"}


def test_a_leaf_that_is_not_true_binds_nothing() -> None:
    assert bound(BOUGHT | {"value": 3}, 2000) == {}


def test_the_first_leaf_with_a_value_wins() -> None:
    viewed = BOUGHT | {"name": "Product Viewed", "bind": {"category": "product_id"}}

    assert bound({"any": [viewed, BOUGHT]}, 2000) == {"category": "p1"}
    assert bound({"any": [BOUGHT, viewed]}, 2000) == {"category": "hats"}
    nothing = viewed | {"bind": {"category": "none"}}
    assert bound({"any": [nothing, BOUGHT]}, 2000) == {"category": "hats"}


def test_the_latest_event_counts_even_without_the_property() -> None:
    later = [*HISTORY, Happening(4000, "Order Completed", 1)]

    assert bound(BOUGHT, 4000, later) == {}


def test_a_condition_that_binds_nothing_needs_no_binder() -> None:
    everyone = parse_condition({"v": 1, "where": {"all": []}})

    assert binder(everyone) is None
    assert bindings_of(everyone, Facts(), 0) == {}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(event_worlds.event_leaves(), event_worlds.facts(), st.data())
def test_the_binder_says_what_the_meaning_says(
    leaf: EventLeaf, facts: Facts, data: st.DataObject
) -> None:
    node = Not(NoneOf((replace(leaf, bind=(("shown", "category"), ("price", "price"))),)))
    bind = binder(node)
    assert bind is not None
    instants = event_worlds.moments(leaf, facts)
    for now_ms in data.draw(st.lists(st.sampled_from(instants), min_size=1, max_size=5)):
        assert bind(facts, now_ms) == bindings_of(node, facts, now_ms)
