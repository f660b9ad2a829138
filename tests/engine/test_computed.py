"""Computed traits: read, written back, and compared as the aggregates that they are."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.computed import (
    computed_json,
    computed_keys,
    computed_text,
    inline_computed,
    parse_computed,
)
from engine.conditions.evaluate import truth
from engine.conditions.nodes import Nested, Node, Op
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition
from engine.facts import Facts, Happening

ORDERS = {"name": "Order Completed", "aggregate": "count", "window": {"last": "90d"}}
VALUE = ORDERS | {"aggregate": "sum", "of": "value", "window": "ever"}
FAVOURITE = {"name": "Product Viewed", "aggregate": "most_frequent", "of": "category"} | {
    "window": "ever"
}
PAID = {"property": "paid", "op": "eq", "value": True}
RECENCY = {"kind": "event", "name": "Order Completed", "aggregate": "recency", "window": "ever"}
SITE = {
    "orders": parse_computed(ORDERS),
    "value": parse_computed(VALUE),
    "favourite": parse_computed(FAVOURITE),
    "since": parse_computed(RECENCY),
}


def trait(key: str, op: str, *value: object) -> dict[str, Any]:
    leaf = {"kind": "trait", "name": f"computed.{key}", "op": op}
    return leaf | ({"value": value[0]} if value else {})


def parsed(where: dict[str, Any]) -> Node:
    return parse_condition({"v": 1, "where": where})


@pytest.mark.parametrize("document", [ORDERS, VALUE, FAVOURITE, RECENCY])
def test_a_definition_is_written_back_as_it_was(document: dict[str, Any]) -> None:
    leaf = parse_computed(document)

    assert leaf.op is Op.IS_SET
    assert computed_json(leaf) == {"kind": "event"} | document
    assert parse_computed(computed_json(leaf)) == leaf


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (ORDERS, "the number of completed orders in the last 90 days"),
        (VALUE, "the sum of value of completed orders"),
        (FAVOURITE, "the most frequent category of viewed products"),
        (RECENCY, "the time since the last completed order"),
        (
            ORDERS | {"aggregate": "ratio", "over": {"name": "Product Viewed"}, "window": "ever"},
            "the number of completed orders for each viewed product",
        ),
        (
            ORDERS | {"aggregate": "rate", "per": "1d", "where": [PAID]},
            "the number of completed orders per day in the last 90 days where paid is true",
        ),
    ],
)
def test_a_definition_reads_as_english(document: dict[str, Any], words: str) -> None:
    assert computed_text(parse_computed(document)) == words


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    [
        ([], "where", "expected an object"),
        (ORDERS | {"op": "gte"}, "op", "unknown field"),
        (ORDERS | {"bind": {}}, "bind", "unknown field"),
        (ORDERS | {"kind": "trait"}, "kind", 'expected "event"'),
        (ORDERS | {"aggregate": "cuont"}, "aggregate", 'did you mean "count"?'),
        (ORDERS | {"of": "value"}, "of", "count takes no property"),
        (ORDERS | {"window": {"last": "0d"}}, "window.last", "more than zero"),
        (
            ORDERS | {"where": [{"property": "a", "op": "eq", "fact": "page.a"}]},
            "where",
            "known without a request",
        ),
    ],
)
def test_a_broken_definition_is_refused_with_the_place(
    document: object, path: str, problem: str
) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_computed(document)

    assert refused.value.path == path
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("comparison", "meant"),
    [
        (trait("orders", "gte", 2), ORDERS | {"op": "gte", "value": 2}),
        (trait("value", "between", [1, 9.5]), VALUE | {"op": "between", "value": [1, 9.5]}),
        (trait("favourite", "in", ["a", "b"]), FAVOURITE | {"op": "in", "value": ["a", "b"]}),
        (trait("favourite", "is_set"), FAVOURITE | {"op": "is_set"}),
        (trait("since", "lte", "10m"), RECENCY | {"op": "lte", "value": "10m"}),
        (
            trait("since", "between", ["9m", "10m"]),
            RECENCY | {"op": "between", "value": ["9m", "10m"]},
        ),
    ],
)
def test_a_comparison_means_the_event_leaf(
    comparison: dict[str, Any], meant: dict[str, Any]
) -> None:
    node = parsed({"not": {"any": [comparison, {"kind": "segment", "key": "vip"}]}})
    expected = parsed(
        {"not": {"any": [{"kind": "event"} | meant, {"kind": "segment", "key": "vip"}]}}
    )

    assert inline_computed(node, SITE) == expected
    assert computed_keys(node) == {comparison["name"].removeprefix("computed.")}


def test_nested_segments_are_meant_too() -> None:
    node = Nested("loyal", parsed({"at_least": {"k": 1, "of": [trait("orders", "gte", 1)]}}))

    whole = inline_computed(node, SITE)

    assert computed_keys(node) == {"orders"}
    assert computed_keys(whole) == frozenset()
    assert truth(whole, Facts(history=[Happening(5, "Order Completed", 1)]), 10) is True
    assert truth(whole, Facts(), 10) is False


@pytest.mark.parametrize(
    ("leaf", "path", "problem"),
    [
        (
            trait("order", "gte", 2),
            "all[1].name",
            'no computed trait "order" (did you mean "orders"',
        ),
        (trait("orders", "contains", "2"), "all[1].op", '"contains" is not for this'),
        (trait("orders", "is_set"), "all[1].op", '"is_set" is not for this'),
        (trait("orders", "gte", "2"), "all[1].value", "expected a number"),
        (trait("since", "lte", 5), "all[1].value", "a duration"),
        (trait("since", "between", ["10m", "9m"]), "all[1].value", "smaller value first"),
        (trait("favourite", "matches", "a"), "all[1].op", '"matches" is not for this'),
        (
            trait("orders", "gte", 2) | {"from": {"source": "crm"}},
            "all[1].from",
            "from events alone",
        ),
        (
            {
                "kind": "score",
                "traits": [{"name": "computed.orders", "op": "gt", "value": 1, "weight": 1}],
                "op": "gt",
                "value": 0,
            },
            "all[1].traits[0].name",
            "not a computed trait",
        ),
    ],
)
def test_what_an_aggregate_does_not_have_is_refused_with_the_place(
    leaf: dict[str, Any], path: str, problem: str
) -> None:
    node = parsed({"all": [trait("orders", "gte", 1), leaf]})

    with pytest.raises(InvalidCondition) as refused:
        inline_computed(node, SITE)

    assert refused.value.path == path
    assert problem in refused.value.problem
