"""The conditions of the acceptance set, by what they are called. The number says the case."""

from typing import Any

from tests.journeys.acceptance.shop import PLACEMENT, Case, Json, both, count, dwell, having, inside

CTA = having("element", "cta")
ON_CHECKOUT = having("page_type", "checkout")
ON_PRODUCT = having("page_type", "product")


def context(name: str, op: str, value: Any) -> Json:
    """A fact of the request."""
    return {"kind": "context", "name": name, "op": op, "value": value}


def trait(name: str, op: str, value: Any) -> Json:
    """What is known of somebody."""
    return {"kind": "trait", "name": name, "op": op, "value": value}


def buys(op: str, value: float | None = None) -> Json:
    """What the model of buyers says, if not older than a week."""
    leaf: Json = {"kind": "model", "name": "buys", "op": op, "max_age": "7d"}
    return leaf if value is None else {**leaf, "value": value}


def without(name: str, window: object) -> Json:
    """Nothing of a name happened."""
    return {"kind": "absence", "without": {"name": name}, "window": window}


_RECENCY = {**count("Order Completed", "ever", "lt", "30d"), "aggregate": "recency"}
_MONEY = {**count("Order Completed", {"last": "365d"}, "gte", 300), "aggregate": "sum"}
_ADDED_OF_VIEWED = {
    **count("Product Added", "session", "lt", 0.05),
    "aggregate": "ratio",
    "over": {"name": "Product Viewed"},
}
_BOUGHT = count("Order Completed", {"last": "7d"}, "gte", 1, having("category", "", "ne"))

SPENDER = Case(
    "high-value",
    {
        **count("Order Completed", {"last": "365d"}, "gte", 500),
        "aggregate": "sum",
        "of": "value",
    },
)
VIP = Case("vip", both(inside("high-value"), dwell("site", "session", "gt", "5m")))
HESITANT = Case(
    "hesitant", both(dwell("page", "session", "gt", "3m", ON_PRODUCT), _ADDED_OF_VIEWED)
)
HIGH_INTENT = Case(
    "high-intent",
    both(
        count("Product Viewed", "session", "gt", 3),
        count("Product Added", "session", "gt", 2),
    ),
)
ABANDONED_CART = Case(
    "abandoned-cart",
    {
        "kind": "absence",
        "after": {"name": "Product Added"},
        "without": {"name": "Checkout Started"},
        "for": "1m",
        "window": "session",
    },
)
GONE_FROM_CHECKOUT = Case(
    "gone-from-checkout",
    both(
        dwell("page", "session", "gte", "3m", ON_CHECKOUT),
        {
            "kind": "absence",
            "after": {"name": "Page Left", "where": [ON_CHECKOUT]},
            "without": {"name": "*"},
            "for": "20s",
            "window": "session",
        },
        without("Order Completed", "session"),
    ),
)
BUYERS = Case("buyers", {**_BOUGHT, "bind": {"category": "category"}})
HIGH_ENGAGEMENT = Case(
    "high-engagement",
    both(
        count("Page Scrolled", "page_view", "gte", 1, having("depth", 75, "gte")),
        dwell("page", "page_view", "gte", "3m"),
        count("Article Clicked", "page_view", "gte", 1, having("related", True)),
    ),
)
LOW_ENGAGEMENT = Case(
    "low-engagement",
    {
        "kind": "sequence",
        "steps": [{"name": "Page Viewed"}, {"name": "Page Left", "within": "10s"}],
        "by": ["page_view_id"],
        "window": "session",
    },
)
READY = Case(
    "ready",
    both(
        count("Article Viewed", {"last": "10m"}, "gte", 3),
        count("Element Hovered", {"last": "10m"}, "gte", 2, having("element", "subscribe")),
    ),
)
UNDECIDED = Case(
    "undecided",
    both(dwell("page", "page_view", "gt", "2m", ON_PRODUCT), without("Product Added", "page_view")),
)
DRAWN = Case("drawn", count("Element Hovered", {"last": "5m"}, "gte", 2, CTA))
REVISITS = Case(
    "revisits",
    {
        "kind": "sequence",
        "steps": [{"name": "Section Viewed"}, {"name": "Section Viewed"}],
        "by": ["section"],
        "window": "session",
        "bind": {"section": {"step": 2, "property": "section"}},
    },
)
PAUSES = Case(
    "hesitates",
    {
        "kind": "sequence",
        "steps": [
            {"name": "Element Hovered", "where": [CTA, having("dwell_ms", 3000, "gt")]},
            {"name": "Element Clicked", "where": [CTA], "within": "2s"},
        ],
        "strict": True,
        "window": "session",
    },
)
LIKELY = Case("likely", buys("gt", 0.75))
LIKELY_UNTIL = Case(
    "likely",
    buys("gte", 0.75),
    {"leave": {"v": 1, "where": {"any": [buys("lt", 0.5), buys("is_missing")]}}},
)
NOT_SCORED = Case("likely-fallback", buys("is_missing"))
MEMBER = Case("member", trait("plan", "eq", "pro"))
NOT_TIRED = Case(
    "not-tired",
    both(
        inside("member"),
        {
            "kind": "exposure",
            "placement": PLACEMENT,
            "variant": "offer",
            "window": "session",
            "op": "lt",
            "value": 2,
        },
    ),
)
RESTED = Case(
    "rested",
    {
        "kind": "score",
        "events": [
            {
                "name": "Exposure",
                "where": [having("variant", "offer")],
                "weight": 1,
                "half_life": "20m",
            }
        ],
        "op": "lt",
        "value": 2,
    },
)
HIGH_VALUE = Case(
    "high-value",
    both(
        _RECENCY,
        count("Order Completed", {"last": "365d"}, "gte", 3),
        {**_MONEY, "of": "value"},
    ),
)
ENGAGED = Case("engaged", count("Article Viewed", {"last": "7d"}, "gte", 5))
OVERLAP = Case("both", both(inside("high-value"), inside("engaged")))
YOUNG_URBAN = Case(
    "young-urban", both(trait("age", "between", [18, 25]), trait("region", "eq", "urban"))
)
KEEN = Case("keen", count("Product Viewed", "session", "gte", 2), {"parent": "young-urban"})
VALUABLE = Case(
    "valuable",
    {
        "kind": "score",
        "events": [
            {"name": "Order Completed", "weight": 10, "half_life": "7d"},
            {"name": "Article Viewed", "weight": 1, "half_life": "1d", "cap": 5},
        ],
        "traits": [
            {"name": "age", "op": "between", "value": [25, 40], "weight": 3},
            {"name": "region", "op": "eq", "value": "urban", "weight": 3},
        ],
        "floor": 0,
        "ceiling": 100,
        "op": "gte",
        "value": 12,
    },
)
FREQUENT = Case("frequent", count("Application Opened", {"last": "7d"}, "gte", 3))
URBAN = Case(
    "urban",
    both(
        inside("frequent"),
        context("device", "eq", "mobile"),
        {
            "any": [
                context("geo.position", "within_km", [47.3769, 8.5417, 15]),
                context("geo.city", "in", ["Bern", "Genève"]),
            ]
        },
    ),
    is_rule=True,
)
EVENING = Case(
    "evening",
    both(context("local_hour", "between", [18, 21]), context("weekday", "lte", 5)),
    is_rule=True,
)

BY_NUMBER: dict[int, list[Case]] = {
    1: [SPENDER, VIP],
    2: [HESITANT],
    3: [HIGH_INTENT],
    4: [ABANDONED_CART, GONE_FROM_CHECKOUT],
    5: [BUYERS],
    6: [HIGH_ENGAGEMENT, LOW_ENGAGEMENT],
    7: [READY],
    8: [UNDECIDED],
    9: [DRAWN, REVISITS, PAUSES],
    10: [LIKELY, LIKELY_UNTIL, NOT_SCORED],
    11: [MEMBER, NOT_TIRED, RESTED],
    12: [HIGH_VALUE, ENGAGED, OVERLAP, YOUNG_URBAN, KEEN],
    13: [VALUABLE],
    14: [FREQUENT, URBAN, EVENING],
}
