"""Offers by what a visitor does, and does not do, within one session."""

from tests.journeys.acceptance import cases
from tests.journeys.acceptance.shop import (
    HOUR,
    IDLE,
    MINUTE,
    SECOND,
    Shop,
    count,
)


def test_more_than_three_views_and_two_cart_adds_in_a_session_are_high_intent(shop: Shop) -> None:
    shop.case(cases.HIGH_INTENT)
    shop.show("high-intent")
    began = shop.at_ms
    for number in range(3):
        shop.track("Product Viewed", product_id=f"A{number}")
        shop.track("Product Added", product_id=f"A{number}")
        shop.after(MINUTE)
    assert not shop.is_offered()

    # The fourth view lies before the others, and comes after them.
    late = shop.event("Product Viewed", began - MINUTE, product_id="A9")
    shop.send(late)
    assert shop.is_offered()
    shop.send(late)  # sent again, it is not another one
    assert shop.is_offered()
    shop.assert_flips(began + 2 * MINUTE + IDLE, to=False)

    # A new session begins with nothing.
    shop.track("Product Viewed", product_id="A0")
    assert not shop.is_offered()


def test_views_on_both_sides_of_half_an_hour_are_two_sessions(shop: Shop) -> None:
    shop.segment("high-intent", count("Product Viewed", "session", "gt", 3))
    shop.show("high-intent")
    began = shop.at_ms
    shop.track("Product Viewed")
    shop.track("Product Viewed")
    shop.go(began + IDLE)
    shop.track("Product Viewed")
    shop.track("Product Viewed")
    assert not shop.is_offered()

    # One late view between them makes one session of it all.
    shop.track("Product Viewed", began + 1)
    assert shop.is_offered()
    shop.assert_flips(began + 2 * IDLE, to=False)


def test_a_cart_left_for_a_minute_is_abandoned_while_the_session_is_still_open(shop: Shop) -> None:
    shop.case(cases.ABANDONED_CART)
    shop.show("abandoned-cart")
    added = shop.at_ms
    shop.track("Product Added", product_id="A")
    assert not shop.is_offered()
    shop.assert_flips(added + MINUTE, to=True)
    shop.assert_flips(added + IDLE, to=False)

    # Another session: this time they go to the checkout, in the last moment.
    added = shop.at_ms
    shop.track("Product Added", product_id="B")
    shop.go(added + MINUTE - 1)
    shop.track("Checkout Started")
    shop.go(added + MINUTE)
    assert not shop.is_offered()
    shop.after(HOUR)
    assert not shop.is_offered()


def test_a_checkout_that_is_told_late_takes_the_abandoned_cart_back(shop: Shop) -> None:
    shop.case(cases.ABANDONED_CART)
    shop.show("abandoned-cart")
    added = shop.at_ms
    shop.track("Product Added", product_id="A")
    shop.go(added + 2 * MINUTE)
    assert shop.is_offered()

    shop.track("Checkout Started", added + 30 * SECOND)
    assert not shop.is_offered()


def test_three_minutes_at_the_checkout_and_then_gone_is_worth_a_discount(shop: Shop) -> None:
    shop.case(cases.GONE_FROM_CHECKOUT)
    shop.show("gone-from-checkout")
    opened = shop.at_ms
    shop.track("Page Viewed", page_view_id="p1", page_type="checkout")
    for beat in range(1, 18):
        shop.go(opened + beat * 10 * SECOND)
        shop.track("Page Heartbeat", page_view_id="p1", active_ms=10_000)
    shop.go(opened + 179 * SECOND)
    shop.track("Page Left", page_view_id="p1", active_ms=179_999, page_type="checkout")
    shop.after(MINUTE)
    assert not shop.is_offered(), "it was a millisecond less than three minutes"

    # They come back for a moment, and leave for good.
    shop.track("Page Viewed", page_view_id="p2", page_type="checkout")
    shop.after(1)
    shop.track("Page Left", page_view_id="p2", active_ms=1, page_type="checkout")
    left = shop.at_ms
    assert not shop.is_offered()
    shop.assert_flips(left + 20 * SECOND, to=True)
    shop.assert_flips(left + IDLE, to=False)


def test_two_hovers_over_a_call_to_action_within_five_minutes(shop: Shop) -> None:
    shop.case(cases.DRAWN)
    shop.show("drawn")
    first = shop.at_ms
    shop.track("Element Hovered", element="cta", dwell_ms=300)
    shop.go(first + 5 * MINUTE)
    shop.track("Element Hovered", element="cta", dwell_ms=300)
    assert not shop.is_offered(), "the first is five minutes old and does not count any more"

    second = shop.at_ms
    shop.after(4 * MINUTE)
    shop.track("Element Hovered", element="logo", dwell_ms=300)
    assert not shop.is_offered()
    shop.track("Element Hovered", element="cta", dwell_ms=300)
    assert shop.is_offered()
    shop.assert_flips(second + 5 * MINUTE, to=False)


def test_the_same_section_seen_again_in_a_session_tells_which(shop: Shop) -> None:
    shop.case(cases.REVISITS)
    shop.show("revisits", "<p>Questions on {{ segments.revisits.section }}?</p>")
    shop.track("Section Viewed", section="pricing", visible_ms=900)
    shop.after(MINUTE)
    shop.track("Section Viewed", section="team", visible_ms=900)
    assert not shop.is_offered()

    shop.after(MINUTE)
    shop.track("Section Viewed", section="pricing", visible_ms=900)
    assert shop.is_offered()
    assert shop.decide()["html"] == "<p>Questions on pricing?</p>"
    # A view of the team that was before all of these comes late: the latest match stays.
    shop.track("Section Viewed", shop.at_ms - 3 * MINUTE, section="team")
    assert shop.decide()["html"] == "<p>Questions on pricing?</p>"
    shop.after(MINUTE)
    shop.track("Section Viewed", section="team")
    assert shop.decide()["html"] == "<p>Questions on team?</p>"
    shop.assert_flips(shop.at_ms + IDLE, to=False)


def test_a_pause_of_more_than_three_seconds_before_a_click(shop: Shop) -> None:
    shop.case(cases.PAUSES)
    shop.show("hesitates")
    shop.track("Element Hovered", element="cta", dwell_ms=3000)
    shop.track("Element Clicked", shop.at_ms + 1, element="cta")
    assert not shop.is_offered()

    shop.after(MINUTE)
    shop.track("Element Hovered", element="cta", dwell_ms=3001)
    shop.after(2 * SECOND)
    shop.track("Element Clicked", element="cta")
    assert shop.is_offered()
    # Something that they did in between is told late: the click was not the next thing.
    shop.track("Page Scrolled", shop.at_ms - SECOND, depth=40)
    assert not shop.is_offered()


def test_at_most_two_tailored_offers_are_shown_in_a_session(shop: Shop) -> None:
    shop.case(cases.MEMBER)
    shop.case(cases.NOT_TIRED)
    shop.show("not-tired")
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": {"plan": "pro"}})
    for _ in range(2):
        assert shop.is_offered()
        decision = shop.decide()
        shop.seen(decision)
        shop.after(MINUTE)
    assert not shop.is_offered()

    # What they see now is the default: seeing that does not count, but keeps the session open.
    shop.seen(shop.decide())
    shop.assert_flips(shop.at_ms + IDLE, to=True)
