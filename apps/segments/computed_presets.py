"""Definitions to begin a computed trait with: what is asked for most, with names to put in.

`event` and `property` are the names by which shops usually say it; the form offers those that the
site has really seen, and takes the first of `events` that is among them.
"""

from typing import Any, Final

_ORDERS: Final = ["Order Completed", "Purchase", "Order Paid"]
_VIEWS: Final = ["Product Viewed", "Article Viewed", "Page Viewed"]
_ADDS: Final = ["Product Added", "Added to Cart"]
_MONEY: Final = ["total", "revenue", "value", "amount", "price"]
_CATEGORY: Final = ["category", "product_category", "section"]
_PRODUCT: Final = ["product_id", "sku", "id"]


def _preset(
    key: str,
    label: str,
    aggregate: str,
    events: list[str],
    properties: list[str] | None = None,
    window: object = "ever",
    **more: Any,
) -> dict[str, Any]:
    definition = {"name": events[0], "aggregate": aggregate, "window": window, **more}
    if properties is not None:
        definition["of"] = properties[0]
    return {
        "key": key,
        "label": label,
        "definition": definition,
        "events": events,
        "properties": properties or [],
    }


PRESETS: Final[list[dict[str, Any]]] = [
    _preset("lifetime-value", "Lifetime value", "sum", _ORDERS, _MONEY),
    _preset("spent-lately", "Spent lately", "sum", _ORDERS, _MONEY, {"last": "90d"}),
    _preset("orders", "Number of orders", "count", _ORDERS),
    _preset("average-order-value", "Average order value", "avg", _ORDERS, _MONEY),
    _preset("last-purchase", "Time since the last purchase", "recency", _ORDERS),
    _preset("favourite-category", "Favourite category", "most_frequent", _VIEWS, _CATEGORY,
            {"last": "90d"}),
    _preset("last-category", "Category bought last", "last", _ORDERS, _CATEGORY),
    _preset("days-active", "Days active lately", "days_active", ["*"], None, {"last": "30d"}),
    _preset("days-in-a-row", "Days active in a row", "streak", ["*"], None, {"last": "90d"}),
    _preset("products-viewed", "Different products viewed", "distinct", _VIEWS, _PRODUCT,
            {"last": "30d"}),
    _preset("adds-per-view", "Cart adds for each view", "ratio", _ADDS, None, {"last": "30d"},
            over={"name": "Product Viewed"}),
]  # fmt: skip
