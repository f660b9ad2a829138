"""Offers by the time that a visitor spends, while they are still on the page."""

from typing import Any

from tests.journeys.acceptance import cases
from tests.journeys.acceptance.shop import (
    DAY,
    IDLE,
    MINUTE,
    SECOND,
    Shop,
)

BEAT = 10 * SECOND


def open_page(shop: Shop, page_view_id: str, **properties: Any) -> int:
    """The visitor opens a page; return when."""
    shop.track("Page Viewed", page_view_id=page_view_id, **properties)
    return shop.at_ms


def stay(shop: Shop, page_view_id: str, beats: int, **properties: Any) -> int:
    """The visitor is active on the page for so many heartbeats of ten seconds; return when."""
    for _ in range(beats):
        shop.after(BEAT)
        shop.track("Page Heartbeat", page_view_id=page_view_id, active_ms=BEAT, **properties)
    return shop.at_ms


def leave(shop: Shop, page_view_id: str, active_ms: int, **properties: Any) -> None:
    shop.track("Page Left", page_view_id=page_view_id, active_ms=active_ms, **properties)


def test_a_member_of_high_value_who_stays_over_five_minutes_is_offered_vip_on_the_page(
    shop: Shop,
) -> None:
    shop.case(cases.SPENDER)
    shop.case(cases.VIP)
    shop.show("vip")
    shop.track("Order Completed", shop.at_ms - 30 * DAY, value=512.5)
    opened = open_page(shop, "p1")
    stay(shop, "p1", 29)
    assert not shop.is_offered()

    stay(shop, "p1", 1)

    assert shop.at_ms == opened + 5 * MINUTE
    shop.assert_flips(opened + 5 * MINUTE + 1, to=True)
    shop.go(opened + 5 * MINUTE + 7 * SECOND)
    leave(shop, "p1", 307 * SECOND)
    assert shop.is_offered()
    shop.assert_flips(shop.at_ms + IDLE, to=False)


def test_five_minutes_without_high_value_are_no_reason_for_vip(shop: Shop) -> None:
    shop.case(cases.SPENDER)
    shop.case(cases.VIP)
    shop.show("vip")
    shop.track("Order Completed", shop.at_ms - 30 * DAY, value=499.99)
    open_page(shop, "p1")
    stay(shop, "p1", 31)
    assert not shop.is_offered()

    # A late order, from before: it counts, and so does the time that was spent meanwhile.
    shop.track("Order Completed", shop.at_ms - DAY, value=0.01)
    assert shop.is_offered()


def test_long_on_product_pages_with_hardly_a_cart_add_is_reassured(shop: Shop) -> None:
    shop.case(cases.HESITANT)
    shop.show("hesitant")
    open_page(shop, "p1", page_type="product")
    shop.track("Product Viewed", product_id="A")
    stay(shop, "p1", 9)  # a minute and a half here
    leave(shop, "p1", 90 * SECOND)
    open_page(shop, "p2", page_type="home")
    stay(shop, "p2", 10)  # which does not count
    leave(shop, "p2", 100 * SECOND)
    opened = open_page(shop, "p3", page_type="product")
    shop.track("Product Viewed", product_id="B")
    stay(shop, "p3", 9)  # and the other minute and a half there
    assert shop.at_ms == opened + 90 * SECOND
    assert not shop.is_offered()

    shop.assert_flips(opened + 90 * SECOND + 1, to=True)

    # One add for two views is a ratio of a half.
    shop.after(SECOND)
    shop.track("Product Added", product_id="B")
    assert not shop.is_offered()
    # It was a late message of a view that did not count yet: 1 / 21 is less than 0.05.
    for _ in range(18):
        shop.track("Product Viewed", shop.at_ms - 20 * SECOND, product_id="C")
    assert not shop.is_offered()  # 1 / 20 is not
    shop.track("Product Viewed", shop.at_ms - 20 * SECOND, product_id="C")
    assert shop.is_offered()
    shop.assert_flips(shop.at_ms + IDLE, to=False)


def test_nobody_without_a_product_view_is_reassured(shop: Shop) -> None:
    """Of no views there is no ratio, and unknown is not less than 0.05."""
    shop.case(cases.HESITANT)
    shop.show("hesitant")
    open_page(shop, "p1", page_type="product")
    stay(shop, "p1", 20)
    assert not shop.is_offered()


def test_scrolling_staying_and_clicking_on_is_high_engagement(shop: Shop) -> None:
    shop.case(cases.HIGH_ENGAGEMENT)
    shop.show("high-engagement")
    opened = open_page(shop, "p1")
    stay(shop, "p1", 10)
    shop.track("Page Scrolled", page_view_id="p1", depth=74.9)
    shop.track("Article Clicked", page_view_id="p1", related=True)
    stay(shop, "p1", 7)
    shop.track("Page Scrolled", page_view_id="p1", depth=75)
    assert not shop.is_offered()

    shop.assert_flips(opened + 3 * MINUTE, to=True)

    # Another page is another view: nothing of this one counts there.
    open_page(shop, "p2")
    assert not shop.is_offered()


def test_who_leaves_within_ten_seconds_is_of_low_engagement(shop: Shop) -> None:
    shop.case(cases.LOW_ENGAGEMENT)
    shop.show("low-engagement")
    opened = open_page(shop, "p1")
    shop.go(opened + 10 * SECOND + 1)
    leave(shop, "p1", 9 * SECOND)
    assert not shop.is_offered()

    opened = open_page(shop, "p2")
    shop.go(opened + 10 * SECOND)
    leave(shop, "p2", 9 * SECOND)
    assert shop.is_offered()
    shop.assert_flips(opened + 10 * SECOND + IDLE, to=False)


def test_two_minutes_on_a_product_page_without_a_cart_add(shop: Shop) -> None:
    shop.case(cases.UNDECIDED)
    shop.show("undecided")
    opened = open_page(shop, "p1", page_type="product")
    stay(shop, "p1", 12)

    shop.assert_flips(opened + 2 * MINUTE + 1, to=True)

    # The add was made before, on this page, and its message comes late.
    shop.after(SECOND)
    shop.track("Product Added", opened + MINUTE, page_view_id="p1")
    assert not shop.is_offered()
