"""One good leaf of every kind, as documents, to be spoiled or written in another way."""

from __future__ import annotations

from typing import Any

TRAIT = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
EVENT = {
    "kind": "event",
    "name": "Product Viewed",
    "aggregate": "count",
    "window": {"last": "10m"},
    "op": "gte",
    "value": 3,
}
SUM = EVENT | {"aggregate": "sum", "of": "price"}
RECENCY = EVENT | {"aggregate": "recency", "op": "lte", "value": "10m"}
PERCENT = {"kind": "percent", "seed": "s", "from": 0, "to": 50}


def without(leaf: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in leaf.items() if key not in names}


def where(node: object) -> dict[str, Any]:
    return {"v": 1, "where": node}


MATCH = {"name": "Product Added", "where": [{"property": "a", "op": "eq", "value": 1}]}
SEQUENCE: dict[str, Any] = {
    "kind": "sequence",
    "steps": [{"name": "Product Viewed"}, {"name": "Product Added", "within": "5m"}],
    "within": "1h",
    "by": ["product_id"],
    "without": [{"after": 1, "name": "Order Completed"}],
    "strict": True,
    "in_session": True,
    "times": 2,
    "window": {"last": "7w"},
    "bind": {"product": {"step": 2, "property": "product_id"}},
}
ABSENCE = {
    "kind": "absence",
    "after": MATCH,
    "for": "1m",
    "without": {"name": "Order Completed"},
    "window": "session",
    "by": ["cart_id"],
}
DWELL = {"kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m"}
SCORE: dict[str, Any] = {
    "kind": "score",
    "events": [
        {"name": "Order Completed", "of": "value", "weight": 2, "half_life": "1w", "cap": 20},
        {"name": "Product Viewed", "weight": 1, "window": {"last": "90d"}},
    ],
    "traits": [{"name": "plan", "op": "eq", "value": "pro", "weight": -10}],
    "floor": 0,
    "ceiling": 100,
    "op": "gte",
    "value": 50,
}
MODEL = {"kind": "model", "name": "buys", "op": "gte", "value": 0.75, "max_age": "1w"}
RATIO = EVENT | {"aggregate": "ratio", "over": MATCH}
RATE = EVENT | {"aggregate": "rate", "per": "1h"}
CONTEXT = {"kind": "context", "name": "geo", "op": "within_km", "value": [48.85, 2.35, 10]}
EXPOSURE = {"kind": "exposure", "placement": "hero", "window": "session", "op": "lt", "value": 2}
SAME = {"property": "product_id", "op": "eq", "fact": "page.product_id"}


def trait(op: str, value: object) -> dict[str, Any]:
    return TRAIT | {"op": op, "value": value}
