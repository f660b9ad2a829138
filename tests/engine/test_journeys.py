"""Journeys that editors ask for, from their document to the instant at which an offer may show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from engine.conditions import evaluate
from engine.conditions.compile import Forecast, compile_condition, forecast
from engine.conditions.parse import parse_condition
from engine.facts import SESSION_IDLE_MS, Facts, Happening
from tests.engine.paths import DAY_MS, MINUTE_MS, START_MS, event, story

BEAT_MS = 10_000


def ahead(where: dict[str, Any], facts: Facts, after_ms: int) -> Forecast:
    """What is and what will be, in ms after the start of the story."""
    node = parse_condition({"v": 1, "where": where})
    now_ms = START_MS + after_ms
    found = forecast(compile_condition(node), facts, now_ms)
    assert (evaluate.truth(node, facts, now_ms) is True) is found.inside
    return Forecast(
        found.inside,
        None if found.until_ms is None else found.until_ms - START_MS,
        found.then,
        None if found.then_until_ms is None else found.then_until_ms - START_MS,
    )


def is_in(where: dict[str, Any], facts: Facts, after_ms: int) -> bool:
    return ahead(where, facts, after_ms).inside


def visit(
    from_ms: int, active_ms: int, view: str = "v1", kind: str = "product"
) -> Iterable[Happening]:
    """A page view and its heartbeats, every ten seconds."""
    yield event(from_ms, "Page Viewed", page_view_id=view, page_type=kind)
    for at_ms in range(BEAT_MS, active_ms + 1, BEAT_MS):
        yield event(from_ms + at_ms, "Page Heartbeat", page_view_id=view, active_ms=BEAT_MS)


def left(at_ms: int, active_ms: int, view: str = "v1") -> Happening:
    return event(at_ms, "Page Left", page_view_id=view, active_ms=active_ms)


ON_SITE = {"kind": "dwell", "on": "site", "window": "session", "op": "gt", "value": "5m"}


def test_a_member_gets_the_offer_while_still_on_the_page() -> None:
    where = {"all": [{"kind": "segment", "key": "high_value"}, ON_SITE]}
    events = tuple(visit(0, 300_000))
    member = story(*events, memberships={"high_value": True})

    assert ahead(where, member, 300_000) == (False, 300_001, True, 300_000 + SESSION_IDLE_MS)
    assert not is_in(where, story(*events), 300_001)


def test_the_offer_does_not_show_to_who_has_left() -> None:
    events = story(*visit(0, 300_000), left(300_000, 300_000))

    assert ahead(ON_SITE, events, 300_000) == (False, None, None, None)


HESITATION = {
    "all": [
        {
            "kind": "dwell",
            "on": "page",
            "where": [{"property": "page_type", "op": "eq", "value": "product"}],
            "window": "session",
            "op": "gt",
            "value": "3m",
        },
        {
            "kind": "event",
            "name": "Product Added",
            "aggregate": "ratio",
            "over": {"name": "Product Viewed"},
            "window": "session",
            "op": "lt",
            "value": 0.05,
        },
    ]
}


@pytest.mark.parametrize(("carts", "expected"), [(0, True), (1, False)])
def test_long_on_product_pages_and_hardly_anything_in_the_cart(carts: int, expected: bool) -> None:
    seen = [event(0, "Product Viewed", product_id=f"p{i}") for i in range(20)]
    added = [event(0, "Product Added", product_id="p1")] * carts
    facts = story(*seen, *added, *visit(0, 100_000, "v1"), *visit(100_001, 80_000, "v2"))

    assert is_in(HESITATION, facts, 180_002) is expected


ABANDONED = {
    "kind": "absence",
    "after": {"name": "Product Added"},
    "without": {"name": "Checkout Started"},
    "for": "1m",
    "window": "session",
}


def test_a_cart_is_abandoned_while_the_visitor_is_still_there() -> None:
    facts = story(event(0, "Product Added"))

    assert ahead(ABANDONED, facts, 0) == (False, MINUTE_MS, True, SESSION_IDLE_MS)
    gone = story(event(0, "Product Added"), event(30_000, "Checkout Started"))
    assert ahead(ABANDONED, gone, 30_000) == (False, None, None, None)


def test_three_minutes_on_the_checkout_and_then_gone() -> None:
    where = {
        "all": [
            {
                "kind": "dwell",
                "on": "page",
                "where": [{"property": "page_type", "op": "eq", "value": "checkout"}],
                "window": "session",
                "op": "gte",
                "value": "3m",
            },
            {
                "kind": "sequence",
                "steps": [{"name": "Page Viewed"}, {"name": "Page Left"}],
                "by": ["page_view_id"],
                "without": [{"after": 1, "name": "Order Completed"}],
                "window": "session",
            },
            {"kind": "absence", "without": {"name": "Order Completed"}, "window": "session"},
        ]
    }
    checkout = tuple(visit(0, 180_000, kind="checkout"))
    facts = story(*checkout, left(185_000, 184_000))

    assert not is_in(where, facts, 184_999)
    assert ahead(where, facts, 185_000) == (True, 185_000 + SESSION_IDLE_MS, False, None)
    paid = story(*checkout, event(181_000, "Order Completed"), left(185_000, 184_000))
    assert not is_in(where, paid, 185_000)


def test_high_engagement_and_low_engagement() -> None:
    high = {
        "all": [
            {
                "kind": "event",
                "name": "Scroll Depth Reached",
                "where": [{"property": "depth_pct", "op": "gte", "value": 75}],
                "aggregate": "count",
                "window": "page_view",
                "op": "gte",
                "value": 1,
            },
            {"kind": "dwell", "on": "page", "window": "page_view", "op": "gte", "value": "3m"},
            {
                "kind": "event",
                "name": "Element Clicked",
                "where": [{"property": "section", "op": "eq", "value": "related"}],
                "aggregate": "count",
                "window": "page_view",
                "op": "gte",
                "value": 1,
            },
        ]
    }
    low = {
        "all": [
            {"kind": "dwell", "on": "page", "window": "page_view", "op": "lt", "value": "10s"},
            {
                "kind": "event",
                "name": "Page Left",
                "aggregate": "count",
                "window": "page_view",
                "op": "gte",
                "value": 1,
            },
        ]
    }
    reads = [
        *visit(0, 170_000),
        event(170_000, "Scroll Depth Reached", page_view_id="v1", depth_pct=75),
        event(170_000, "Element Clicked", page_view_id="v1", section="related"),
    ]

    assert ahead(high, story(*reads), 170_000)[:3] == (False, 180_000, True)
    assert not is_in(high, story(*reads[:-1]), 180_000)
    assert is_in(low, story(*visit(0, 0), left(9000, 8500)), 9000)
    assert not is_in(low, story(*visit(0, 0)), 9000)
    # Another page: the one that was read does not count for it.
    assert not is_in(high, story(*reads, *visit(200_000, 0, "v2")), 200_000)


def test_three_articles_within_ten_minutes_and_two_hovers() -> None:
    def count(name: str, prop: str, value: str, window: object, least: int) -> dict[str, Any]:
        where = [{"property": prop, "op": "eq", "value": value}]
        found = {"kind": "event", "name": name, "where": where, "aggregate": "count"}
        return found | {"window": window, "op": "gte", "value": least}

    where = {
        "all": [
            count("Page Viewed", "page_type", "article", {"last": "10m"}, 3),
            count("Element Hovered", "element", "subscribe", "session", 2),
        ]
    }
    pages = [
        event(i * MINUTE_MS, "Page Viewed", page_view_id=f"v{i}", page_type="article")
        for i in range(3)
    ]
    hovers = [event(130_000 + i, "Element Hovered", element="subscribe") for i in range(2)]

    assert ahead(where, story(*pages, *hovers), 130_001)[:3] == (True, 10 * MINUTE_MS, False)
    assert not is_in(where, story(*pages, hovers[0]), 130_000)


def test_two_minutes_on_a_product_and_nothing_in_the_cart() -> None:
    where = {
        "all": [
            {
                "kind": "dwell",
                "on": "page",
                "where": [{"property": "page_type", "op": "eq", "value": "product"}],
                "window": "page_view",
                "op": "gt",
                "value": "2m",
            },
            {"kind": "absence", "without": {"name": "Product Added"}, "window": "page_view"},
        ]
    }
    product = tuple(visit(0, 120_000))

    assert ahead(where, story(*product), 120_000)[:3] == (False, 120_001, True)
    added = event(120_000, "Product Added", page_view_id="v1")
    assert ahead(where, story(*product, added), 120_000) == (False, None, None, None)


def test_a_section_met_again_in_the_session() -> None:
    where = {
        "kind": "sequence",
        "steps": [{"name": "Section Viewed"}, {"name": "Section Viewed"}],
        "by": ["section"],
        "window": "session",
        "bind": {"section": {"step": 2, "property": "section"}},
    }
    prices = [event(i * 5000, "Section Viewed", section=s) for i, s in enumerate("aba")]

    assert not is_in(where, story(*prices[:2]), 5000)
    assert is_in(where, story(*prices), 10_000)


@pytest.mark.parametrize(("pause_ms", "expected"), [(3000, False), (3001, True)])
def test_a_pause_of_more_than_three_seconds_before_the_click(pause_ms: int, expected: bool) -> None:
    where = {
        "kind": "sequence",
        "steps": [
            {
                "name": "Pause Before Click",
                "where": [{"property": "pause_ms", "op": "gt", "value": 3000}],
            },
            {"name": "Element Clicked", "within": "1s"},
        ],
        "by": ["element"],
        "strict": True,
        "window": "session",
    }
    facts = story(
        event(0, "Pause Before Click", element="buy", pause_ms=pause_ms),
        event(100, "Element Clicked", element="buy"),
    )

    assert is_in(where, facts, 100) is expected


def test_behaviour_outweighs_who_one_is() -> None:
    where = {
        "kind": "score",
        "events": [
            {"name": "Order Completed", "weight": 20, "half_life": "7d"},
            {"name": "Page Viewed", "weight": 1, "half_life": "1d", "cap": 15},
        ],
        "traits": [{"name": "age", "op": "between", "value": [25, 40], "weight": 10}],
        "floor": 0,
        "ceiling": 100,
        "op": "gte",
        "value": 30,
    }
    fits = story(traits={"age": 30})
    busy = story(
        *(event(i, "Page Viewed") for i in range(15)),
        event(20, "Order Completed"),
        traits={"age": 70},
    )

    assert not is_in(where, fits, 0)
    found = ahead(where, busy, 20)
    assert found.inside
    assert found.until_ms is not None
    assert found.until_ms < DAY_MS
    assert found[2:] == (False, None)
