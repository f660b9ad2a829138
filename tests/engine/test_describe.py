"""Conditions in words, as editors read them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition

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


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (
            VIEWS | {"where": BLOUSES},
            'viewed "Product Viewed" at least 3 times in the last 10 minutes'
            ' where category is "blouses"',
        ),
        (VIEWS | {"op": "eq", "value": 0}, 'never viewed "Product Viewed" in the last 10 minutes'),
        (ORDERS | {"op": "gt", "value": 1}, 'did "Order Completed" more than 1 time'),
        (
            ORDERS | {"op": "between", "value": [2, 4], "window": {"last": "1d"}},
            'did "Order Completed" 2 to 4 times in the last day',
        ),
        (
            ORDERS | {"aggregate": "sum", "of": "value", "value": 99.5, "window": "session"},
            'the sum of value of "Order Completed" in this session is at least 99.5',
        ),
        (
            ORDERS | {"aggregate": "recency", "op": "lte", "value": "7d"},
            'last did "Order Completed" at most 1 week ago',
        ),
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
        ({"all": []}, "everyone"),
        (
            {"all": [VIP, {"any": [PLAN, VIP]}]},
            'is in the segment "vip"'
            ' and (trait plan is "pro" or "team" or is in the segment "vip")',
        ),
        ({"not": VIP}, 'not (is in the segment "vip")'),
        (
            {"at_least": {"k": 2, "of": [VIP, VIP]}},
            'at least 2 of (is in the segment "vip"; is in the segment "vip")',
        ),
    ],
)
def test_a_condition_reads_as_english(where: dict[str, Any], words: str) -> None:
    assert describe(parse_condition({"v": 1, "where": where})) == words
