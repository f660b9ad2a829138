"""The segments that are refreshed: counts, sums, last values and ages, alone and together.

Fifty segments share 26 leaves; fifty more put the same leaves together in other ways.
"""

from collections.abc import Sequence
from typing import Any, Final

Json = dict[str, Any]

_VIEWED, _ADDED, _BOUGHT = "Product Viewed", "Product Added", "Order Completed"


def _event(name: str, aggregate: str, window: Any, op: str, value: Any, **more: Any) -> Json:
    if "category" in more:
        category = more.pop("category")
        more["where"] = [{"property": "category", "op": "eq", "value": category}]
    return {
        "kind": "event", "name": name, "aggregate": aggregate, "window": window, "op": op,
        "value": value, **more,
    }  # fmt: skip


def _last(days: int) -> Json:
    return {"last": f"{days}d"}


def _trait(name: str, op: str, value: Any) -> Json:
    return {"kind": "trait", "name": name, "op": op, "value": value}


_LEAVES: Final[Sequence[Json]] = (
    _event(_VIEWED, "count", _last(1), "gte", 1),
    _event(_VIEWED, "count", _last(7), "gte", 3),
    _event(_VIEWED, "count", _last(30), "gte", 10),
    _event(_VIEWED, "count", "ever", "gte", 25),
    _event(_VIEWED, "count", _last(7), "gte", 1, category="shoes"),
    _event(_VIEWED, "count", _last(30), "gte", 2, category="sale"),
    _event(_VIEWED, "last", _last(30), "eq", "hats", of="category"),
    _event(_VIEWED, "recency", "ever", "lt", "2d"),
    _event(_VIEWED, "sum", _last(30), "gte", 500, of="price"),
    _event(_ADDED, "count", _last(1), "gte", 1),
    _event(_ADDED, "count", _last(7), "gte", 1),
    _event(_ADDED, "count", _last(30), "gte", 3),
    _event(_ADDED, "last", "ever", "eq", "shoes", of="category"),
    _event(_ADDED, "recency", "ever", "gte", "10d"),
    _event(_BOUGHT, "count", "ever", "gte", 1),
    _event(_BOUGHT, "count", _last(30), "gte", 1),
    _event(_BOUGHT, "count", _last(7), "gte", 1, category="blouses"),
    _event(_BOUGHT, "sum", "ever", "gte", 150, of="revenue"),
    _event(_BOUGHT, "sum", _last(30), "gte", 75, of="revenue"),
    _event(_BOUGHT, "last", "ever", "eq", "sale", of="category"),
    _event(_BOUGHT, "recency", "ever", "lt", "10d"),
    _event("Checkout Started", "count", _last(7), "gte", 1),
    _event("Checkout Started", "count", _last(1), "gte", 1),
    _event("Article Viewed", "count", _last(7), "gte", 1),
    _event("Article Viewed", "count", _last(30), "gte", 3),
    _event("Page Viewed", "count", _last(7), "gte", 3),
)


LEAVES: Final = len(_LEAVES)


def segments(count: int) -> dict[str, Json]:
    """Return so many condition documents by key: a leaf alone, two together, or one without."""
    found: dict[str, Json] = {}
    for n in range(count):
        own, other = _LEAVES[n % LEAVES], _LEAVES[(7 * n + 3 + n // 50) % LEAVES]
        where = (
            own,
            {"all": [own, other]},
            {"all": [other, {"none": [own]}]},
            {"all": [own, _trait("plan", "in", ["pro", "team"])]},
            {"any": [{"all": [own, other]}, _trait("age", "gte", 60 + n % 15)]},
        )[n % 5]
        found[f"segment-{n:03d}"] = {"v": 1, "where": where}
    return found


FRESH: Final[Json] = {
    "v": 1,
    "where": {
        "all": [
            _event(_VIEWED, "count", _last(30), "gte", 4),
            _event(_BOUGHT, "sum", "ever", "lt", 90, of="revenue"),
        ]
    },
}
