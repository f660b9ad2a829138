"""Sentences with blanks to begin a condition with: what editors ask for most.

A sentence is {"key", "say", "blanks", "where"}: `say` mixes words with names of blanks, each blank
says what is typed ("type"), what stands in it at first ("start", or the first of "names" that the
site has seen) and where it goes ("paths", lists of keys and indexes below `where`). A blank of type
"many" is several lines: each makes a copy of "each", with the line at "at".
"""

from typing import Any, Final

_VIEWS: Final = ["Article Viewed", "Product Viewed", "Page Viewed"]
_ADDS: Final = ["Product Added", "Added to Cart"]
_ORDERS: Final = ["Order Completed", "Purchase", "Order Paid"]
_MONEY: Final = ["total", "revenue", "value", "amount"]


def _count(name: str, window: object, op: str, value: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "event", "name": name, "aggregate": "count", "window": window, "op": op,
        "value": value, **more,
    }  # fmt: skip


def _context(name: str, op: str, value: object) -> dict[str, Any]:
    return {"kind": "context", "name": name, "op": op, "value": value}


def _blank(kind: str, label: str, start: object, *paths: list[str | int]) -> dict[str, Any]:
    return {"type": kind, "label": label, "start": start, "paths": list(paths)}


def _event(label: str, names: list[str], *paths: list[str | int]) -> dict[str, Any]:
    return {"type": "event", "label": label, "start": names[0], "names": names, "paths": [*paths]}


SENTENCES: Final[list[dict[str, Any]]] = [
    {
        "key": "often-lately",
        "say": ["Did", {"blank": "event"}, "at least", {"blank": "count"}, "times in the last",
                {"blank": "time"}],
        "blanks": {
            "event": _event("What they did", _VIEWS, ["name"]),
            "count": _blank("number", "How often", 3, ["value"]),
            "time": _blank("duration", "How long ago at most", "10m", ["window", "last"]),
        },
        "where": _count("Article Viewed", {"last": "10m"}, "gte", 3),
    },
    {
        "key": "cart-left",
        "say": ["Left the cart: after", {"blank": "after"}, "no", {"blank": "without"}, "for",
                {"blank": "time"}],
        "blanks": {
            "after": _event("Into the cart", _ADDS, ["after", "name"]),
            "without": _event("What did not follow", _ORDERS, ["without", "name"]),
            "time": _blank("duration", "How long", "30m", ["for"]),
        },
        "where": {
            "kind": "absence", "after": {"name": "Product Added"},
            "without": {"name": "Order Completed"}, "for": "30m", "window": {"last": "7d"},
        },
    },
    {
        "key": "back-again",
        "say": ["Back in the last hour, after", {"blank": "time"}, "away"],
        "blanks": {
            "time": _blank("duration", "How long away", "30d",
                           ["all", 1, "window", "between_ago", "from"],
                           ["all", 2, "window", "between_ago", "to"]),
        },
        "where": {
            "all": [
                _count("*", {"last": "1h"}, "gte", 1),
                _count("*", {"between_ago": {"from": "30d", "to": "1h"}}, "eq", 0),
                _count("*", {"between_ago": {"from": "1095d", "to": "30d"}}, "gte", 1),
            ]
        },
    },
    {
        "key": "read-some-of",
        "say": ["Visited at least", {"blank": "count"}, "of these pages in the last",
                {"blank": "time"}, {"blank": "pages"}],
        "blanks": {
            "count": _blank("number", "How many of them", 2, ["at_least", "k"]),
            "time": _blank("duration", "How long ago at most", "30d",
                           ["at_least", "of", "*", "window", "last"]),
            "pages": {
                "type": "many", "label": "Paths of the pages, one a line", "start": "/a\n/b\n/c",
                "paths": [["at_least", "of"]], "at": ["where", 0, "value"],
                "each": _count("Page Viewed", {"last": "30d"}, "gte", 1,
                               where=[{"property": "path", "op": "eq", "value": ""}]),
            },
        },
        "where": {"at_least": {"k": 2, "of": []}},
    },
    {
        "key": "long-on-pages",
        "say": ["Spent more than", {"blank": "time"}, "on pages of the type", {"blank": "type"},
                "in this visit"],
        "blanks": {
            "time": _blank("duration", "How long", "3m", ["value"]),
            "type": {
                **_blank("text", "Type of the page", "product", ["where", 0, "value"]),
                "about": {"of": "property", "name": "page_type", "event": "Page Viewed"},
            },
        },
        "where": {
            "kind": "dwell", "on": "page", "window": "session", "op": "gt", "value": "3m",
            "where": [{"property": "page_type", "op": "eq", "value": "product"}],
        },
    },
    {
        "key": "looked-did-not-add",
        "say": ["After", {"blank": "after"}, "did not do", {"blank": "without"}, "within",
                {"blank": "time"}],
        "blanks": {
            "after": _event("What they did", ["Product Viewed"], ["after", "name"]),
            "without": _event("What did not follow", _ADDS, ["without", "name"]),
            "time": _blank("duration", "How long", "5m", ["for"]),
        },
        "where": {
            "kind": "absence", "after": {"name": "Product Viewed"},
            "without": {"name": "Product Added"}, "for": "5m", "window": "session",
        },
    },
    {
        "key": "spent-much",
        "say": ["Spent at least", {"blank": "sum"}, "in the last", {"blank": "time"},
                "(the sum of", {"blank": "of"}, "of", {"blank": "event"}, ")"],
        "blanks": {
            "sum": _blank("number", "How much", 100, ["value"]),
            "time": _blank("duration", "How long ago at most", "90d", ["window", "last"]),
            "of": {**_blank("property", "Property with the amount", "total", ["of"]),
                   "names": _MONEY},
            "event": _event("Order", _ORDERS, ["name"]),
        },
        "where": {
            "kind": "event", "name": "Order Completed", "aggregate": "sum", "of": "total",
            "window": {"last": "90d"}, "op": "gte", "value": 100,
        },
    },
    {
        "key": "never-did",
        "say": ["Has never done", {"blank": "event"}],
        "blanks": {"event": _event("What they did not do", _ORDERS, ["without", "name"])},
        "where": {"kind": "absence", "without": {"name": "Order Completed"}, "window": "ever"},
    },
    {
        "key": "evening-at-home",
        "say": ["Visits in the evening, from", {"blank": "from"}, "to", {"blank": "to"},
                "o'clock where they are, from home: on a computer or a tablet"],
        "blanks": {
            "from": _blank("number", "From hour", 18, ["all", 0, "value", 0]),
            "to": _blank("number", "To hour", 22, ["all", 0, "value", 1]),
        },
        "where": {
            "all": [
                _context("local_hour", "between", [18, 22]),
                _context("device", "in", ["desktop", "tablet"]),
            ]
        },
    },
    {
        "key": "first-visit-on",
        "say": ["Here for the first time, on a", {"blank": "device"}],
        "blanks": {
            "device": {
                **_blank("text", "Kind of device", "mobile", ["all", 1, "value"]),
                "about": {"of": "context", "name": "device"},
            }
        },
        "where": {
            "all": [_context("visitor", "eq", "new"), _context("device", "eq", "mobile")]
        },
    },
    {
        "key": "not-too-often",
        "say": ["Has seen the placement", {"blank": "placement"}, "fewer than", {"blank": "count"},
                "times in this visit"],
        "blanks": {
            "placement": _blank("placement", "Placement", "home.hero", ["placement"]),
            "count": _blank("number", "How often", 2, ["value"]),
        },
        "where": {
            "kind": "exposure", "placement": "home.hero", "window": "session", "op": "lt",
            "value": 2,
        },
    },
]  # fmt: skip
