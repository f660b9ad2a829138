"""Leaves that read different things, for tests of what a condition reads."""

from __future__ import annotations

from typing import Any

from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition

MINUTE_MS = 60_000
DAY_MS = 86_400_000
VIEWS = {
    "kind": "event",
    "name": "Product Viewed",
    "where": [{"property": "category", "op": "eq", "value": "blouses"}],
    "aggregate": "sum",
    "of": "price",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
ADDS = {
    "kind": "event",
    "name": "Product Added",
    "aggregate": "recency",
    "window": "ever",
    "op": "lte",
    "value": "5m",
}
MOBILE = {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}
PLAN = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
VIP = {"kind": "segment", "key": "vip"}


def parsed(where: dict[str, Any]) -> Node:
    return parse_condition({"v": 1, "where": where})


SAME = {"property": "product_id", "op": "eq", "fact": "page.product_id"}
WIDE = {
    "kind": "sequence",
    "steps": [{"name": "A", "where": [{"property": "x", "op": "eq", "value": 1}]}, {"name": "B"}],
    "without": [{"after": 1, "name": "C", "where": [{"property": "y", "op": "is_set"}]}],
    "by": ["k"],
    "bind": {"z": {"step": 1, "property": "z"}},
    "window": {"since": {"name": "D", "where": [{"property": "w", "op": "is_set"}]}},
}
COUNT = {"kind": "event", "name": "A", "aggregate": "count", "op": "gte", "value": 1}
EVER = COUNT | {"window": "ever"}
PAGES = {"kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m"}
