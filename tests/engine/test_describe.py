"""Conditions in words, as editors read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from engine.conditions.describe import describe, trace_json
from engine.conditions.evaluate import trace
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening
from tests.engine import trees

BLOUSES = [{"property": "category", "op": "eq", "value": "blouses"}]
VIEWS = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
PLAN = {"kind": "trait", "name": "plan", "op": "in", "value": ["pro", "team"]}
VIP = {"kind": "segment", "key": "vip"}
ORDERS = VIEWS | {"name": "Order Completed", "window": "ever"}


TRAIT = {"kind": "trait", "name": "since"}
ADDED = {"name": "Product Added"}
PRODUCTS = VIEWS | {"where": BLOUSES}
SUM = ORDERS | {"aggregate": "sum", "of": "value", "value": 99.5}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            PRODUCTS,
            'viewed at least 3 products in the last 10 minutes where category is "blouses"',
        ),
        (VIEWS | {"op": "eq", "value": 0}, "never viewed a product in the last 10 minutes"),
        (VIEWS | {"value": 1}, "viewed a product in the last 10 minutes"),
        (VIEWS | {"op": "lt"}, "viewed fewer than 3 products in the last 10 minutes"),
        (VIEWS | {"op": "eq", "value": 1}, "viewed exactly 1 product in the last 10 minutes"),
        (ORDERS | {"op": "gt", "value": 1}, "completed more than 1 order"),
        (
            ORDERS | {"op": "between", "value": [2, 4], "window": {"last": "1d"}},
            "completed 2 to 4 orders in the last day",
        ),
        (ORDERS | {"op": "in", "value": [2, 4, 6]}, "completed 2, 4 or 6 orders"),
        (VIEWS | {"name": "sound of steps"}, 'did "sound of steps" at least 3 times in the last 10'
         " minutes"),
        (VIEWS | {"name": "*", "op": "lt", "value": 1}, "never did anything in the last 10"
         " minutes"),
        (
            VIEWS | {"name": "Element Hovered", "window": "page_view", "value": 2},
            "hovered over at least 2 elements on this page",
        ),
        (VIEWS | {"name": "Category Left", "window": "ever"}, "left at least 3 categories"),
    ],
)  # fmt: skip
def test_counts_read_as_english(where: dict[str, Any], words: str) -> None:
    assert described(where) == words


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            SUM | {"window": "session"},
            "the sum of value of completed orders in this session is at least 99.5",
        ),
        (
            SUM | {"aggregate": "avg", "where": BLOUSES},
            'the average value of completed orders where category is "blouses" is at least 99.5',
        ),
        (SUM | {"aggregate": "min"}, "the least value of completed orders is at least 99.5"),
        (SUM | {"aggregate": "max"}, "the greatest value of completed orders is at least 99.5"),
        (
            SUM | {"aggregate": "distinct", "of": "sku", "value": 2},
            "the number of different values of sku of completed orders is at least 2",
        ),
        (
            SUM | {"aggregate": "last", "of": "sku", "op": "eq", "value": "a1"},
            'the sku of the last completed order is "a1"',
        ),
        (
            SUM | {"aggregate": "most_frequent", "of": "sku", "op": "starts_with", "value": "a"},
            'the most frequent sku of completed orders starts with "a"',
        ),
        (
            ORDERS | {"aggregate": "recency", "op": "lte", "value": "7d"},
            "last completed an order at most 7 days ago",
        ),
        (
            VIEWS | {"aggregate": "days_active"},
            "viewed products on at least 3 days in the last 10 minutes",
        ),
        (
            VIEWS | {"aggregate": "streak", "window": "ever", "op": "gt", "value": 1},
            "viewed products on more than 1 day in a row",
        ),
        (
            VIEWS | {"aggregate": "ratio", "over": ADDED, "op": "lt", "value": 0.05},
            "the number of viewed products for each added product in the last 10 minutes"
            " is less than 0.05",
        ),
        (
            VIEWS | {"aggregate": "rate", "per": "1m"},
            "the number of viewed products per minute in the last 10 minutes is at least 3",
        ),
        (
            VIEWS | {"aggregate": "trend", "window": {"last": "7d"}, "value": 1.5},
            "the number of viewed products in the last 7 days divided by that of the 7 days before"
            " is at least 1.5",
        ),
    ],
)
def test_other_aggregates_read_as_english(where: dict[str, Any], words: str) -> None:
    assert described(where) == words


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("ever", ""),
        ({"last": "1h"}, " in the last hour"),
        ({"last": "2w"}, " in the last 14 days"),
        ({"last": "3mo"}, " in the last 3 months"),
        ({"last": "12mo"}, " in the last year"),
        ({"between_ago": {"from": "7d", "to": "1d"}}, " between 7 days and 1 day ago"),
        ({"calendar": "day"}, " today"),
        ({"calendar": "week", "tz": "visitor"}, " this week (where the visitor is)"),
        ("session", " in this session"),
        ({"session": "10m"}, " in this session (over after 10 minutes without anything)"),
        ({"visit": 1}, " in the first visit"),
        ({"visit": -1}, " in the latest visit"),
        ({"visit": -2}, " in the visit just before the latest"),
        ({"since": {"name": "Order Completed"}}, " since the last completed order"),
        (
            {"since": {"name": "x", "where": BLOUSES}},
            ' since the last "x" event (category is "blouses")',
        ),
        ({"absolute": {"from": "2026-11-27"}}, " from 2026-11-27 on"),
        (
            {"absolute": {"from": "2026-11-27", "to": "2026-11-28T10:30:00+01:00"}},
            " from 2026-11-27 until 2026-11-28 09:30:00 UTC",
        ),
        ({"absolute": {"to": "2026-11-27"}}, " before 2026-11-27"),
    ],
)
def test_windows_read_as_english(window: object, words: str) -> None:
    assert described(VIEWS | {"window": window}) == f"viewed at least 3 products{words}"


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        ({"op": "is_missing"}, "is not known"),
        ({"op": "ne", "value": True}, "is not true"),
        ({"op": "in", "value": list(range(9))}, "is one of 0, 1, 2, 3, 4 and 4 more"),
        ({"op": "between", "value": ["a", "b"]}, 'is between "a" and "b"'),
        ({"op": "matches", "value": "^a+$"}, 'matches the pattern "^a+$"'),
        ({"op": "has_any", "value": ["a", 1]}, 'has any of "a", 1'),
        ({"op": "has_none", "value": ["a"]}, 'has none of "a"'),
        ({"op": "version_lte", "value": "2.10"}, "is version 2.10 or earlier"),
        ({"op": "before", "value": "2026-02-28"}, "is before 2026-02-28"),
        ({"op": "within_last", "value": "1d"}, "is within the last day"),
        ({"op": "within_next", "value": "36h"}, "is within the next 36 hours"),
        ({"op": "anniversary_within", "value": "7d"}, "has its anniversary within 7 days"),
        ({"op": "anniversary_within", "value": "0d"}, "has its anniversary today"),
        ({"op": "changed_within", "value": "90s"}, "changed within the last 90 seconds"),
        (
            {"op": "eq", "value": "a", "from": {"source": "crm", "min_confidence": 0.5}},
            'is "a" (as known from "crm", with a confidence of at least 0.5)',
        ),
    ],
)
def test_comparisons_read_as_english(comparison: dict[str, Any], words: str) -> None:
    assert described(TRAIT | comparison) == f"trait since {words}"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            {
                "kind": "sequence",
                "steps": [
                    {"name": "Product Viewed", "where": BLOUSES},
                    {"name": "Product Added", "within": "5m"},
                    {"name": "checkout"},
                ],
                "by": ["product_id"],
                "without": [{"after": 1, "name": "Order Completed"}],
                "within": "1h",
                "times": 2,
                "window": "session",
            },
            'viewed a product where category is "blouses", then within 5 minutes added a product'
            " with the same product_id, without any completed order in between, then did"
            ' "checkout" with the same product_id, all within 1 hour, at least 2 times,'
            " in this session",
        ),
        (
            {"kind": "sequence", "steps": [ADDED, ADDED], "strict": True, "in_session": True},
            "added a product, then directly added a product, all in one session",
        ),
        (
            {
                "kind": "absence",
                "after": ADDED,
                "without": {"name": "Order Completed"},
                "for": "1m",
                "by": ["cart_id"],
                "window": "session",
            },
            "added a product in this session, and for 1 minute no completed order with the same"
            " cart_id has followed",
        ),
        (
            {"kind": "absence", "without": ADDED, "window": {"last": "1d"}},
            "never added a product in the last day",
        ),
        (
            {"kind": "dwell", "on": "page", "where": BLOUSES, "window": "session", "op": "gt",
             "value": "3m"},
            'was active on pages for more than 3 minutes in this session where category is'
            ' "blouses"',
        ),
        (
            {"kind": "dwell", "on": "element", "window": "page_view", "op": "lt", "value": "3s"},
            "hovered over elements for less than 3 seconds on this page",
        ),
        (
            {"kind": "dwell", "on": "session", "window": "session", "op": "between",
             "value": ["1m", "5m"]},
            "has been here for 1 minute to 5 minutes in this session",
        ),
        (
            {
                "kind": "score",
                "events": [
                    {"name": "Order Completed", "of": "value", "weight": 2, "half_life": "7d"},
                    {"name": "Product Viewed", "weight": 1, "cap": 20, "window": {"last": "90d"}},
                ],
                "traits": [PLAN | {"weight": 10}],
                "floor": 0,
                "op": "gte",
                "value": 50,
            },
            "a score of 2 times the value of each completed order, halved every 7 days;"
            " 1 for each viewed product in the last 90 days, at most 20;"
            ' 10 if trait plan is "pro" or "team" (never below 0) is at least 50',
        ),
        ({"kind": "list", "key": "press"}, 'is on the list "press"'),
        (
            {"kind": "model", "name": "buys", "op": "gte", "value": 0.75, "max_age": "7d",
             "fallback": False},
            'score "buys" at most 7 days old is at least 0.75 (counts as false without one)',
        ),
        ({"kind": "model", "name": "buys", "op": "is_missing"}, 'has no score "buys"'),
        ({"kind": "consent", "purpose": "sale"}, "has agreed to sale"),
        (
            {"kind": "exposure", "placement": "hero", "block": "b", "window": "session",
             "op": "lt", "value": 2},
            'has seen the placement "hero" with the block "b" fewer than 2 times in this session',
        ),
        ({"kind": "experiment", "key": "e1"}, 'has seen the experiment "e1"'),
        ({"kind": "experiment", "key": "e1", "arm": "b"}, 'has seen the arm "b" of the experiment'
         ' "e1"'),
        ({"kind": "relation", "type": "member_of", "to": "acme"}, 'is member_of "acme"'),
    ],
)  # fmt: skip
def test_other_leaves_read_as_english(where: dict[str, Any], words: str) -> None:
    if "traits" in where:
        where = where | {"traits": [without_kind(test) for test in where["traits"]]}
    assert described(where) == words


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (PLAN, 'trait plan is "pro" or "team"'),
        (VIP, 'is in the segment "vip"'),
        (
            {"kind": "percent", "seed": "s1", "from": 0, "to": 12.5},
            'is in the share from 0 % to 12.5 % of "s1"',
        ),
        (
            {"kind": "context", "name": "device", "op": "is_missing"},
            "device of the request is not known",
        ),
        (
            {"kind": "context", "name": "geo", "op": "within_km", "value": [48.85, 2.35, 10]},
            "geo of the request is within 10 km of 48.85, 2.35",
        ),
        ({"all": []}, "everyone"),
        (
            {"all": [VIP, {"any": [PLAN, VIP]}]},
            'is in the segment "vip"'
            ' and (trait plan is "pro" or "team" or is in the segment "vip")',
        ),
        (
            {"all": [PRODUCTS | {"where": BLOUSES * 2}, VIP]},
            '(viewed at least 3 products in the last 10 minutes where category is "blouses"'
            ' and category is "blouses") and is in the segment "vip"',
        ),
        ({"not": VIP}, 'not (is in the segment "vip")'),
        (
            {"at_least": {"k": 2, "of": [VIP, VIP]}},
            'at least 2 of (is in the segment "vip"; is in the segment "vip")',
        ),
    ],
)
def test_groups_and_plain_leaves_read_as_english(where: dict[str, Any], words: str) -> None:
    assert described(where) == words


def test_a_filter_that_reads_the_request_says_so() -> None:
    same = [{"property": "product_id", "op": "eq", "fact": "page.product_id"}]

    assert described(VIEWS | {"where": same, "value": 1, "window": "ever"}) == (
        "viewed a product where product_id is the page.product_id of this request"
    )


def described(where: dict[str, Any]) -> str:
    return describe(parse_condition({"v": 1, "where": where}))


def without_kind(leaf: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in leaf.items() if name != "kind"}


@given(trees.conditions(), trees.facts())
@settings(max_examples=150, deadline=None)
def test_every_condition_has_words_and_a_trace_that_json_can_carry(
    node: Node, facts: Facts
) -> None:
    now_ms = facts.history[-1].at_ms if facts.history else trees.START_MS
    text = describe(node)
    document = trace_json(trace(node, facts, now_ms))

    assert text and "  " not in text.replace('"  "', "")
    assert document["text"] == text
    json.dumps(document, allow_nan=False)


def test_a_trace_tells_what_was_found_and_asked_for() -> None:
    node = parse_condition(
        {
            "v": 1,
            "where": {
                "all": [
                    VIEWS | {"window": "ever"},
                    ORDERS | {"aggregate": "recency", "op": "lte", "value": "7d"},
                    {"kind": "list", "key": "press"},
                    {"kind": "sequence", "steps": [ADDED, ADDED], "times": 2},
                ]
            },
        }
    )
    facts = Facts(
        traits={"list.press": 9000},
        history=[
            Happening(1000, "Product Viewed", 1),
            Happening(2000, "Order Completed", 1),
            Happening(3000, "Product Viewed", 1),
        ],
    )

    parts = trace_json(trace(node, facts, 4000))["parts"]

    assert [(part["found"], part["wanted"], part.get("unit")) for part in parts] == [
        (2, 3, None),
        (2000, 604_800_000, "ms"),
        (9000, True, None),
        (0, 2, None),
    ]
    assert parts[0]["evidence"] == [[0, 1000], [2, 3000]]
    assert parts[2]["validUntilMs"] == 9000
