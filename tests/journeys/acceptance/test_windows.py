"""Offers by what a visitor did lately, to the millisecond, and what of it reaches the content."""

import pytest

from tests.journeys.acceptance import cases
from tests.journeys.acceptance.shop import DAY, HOUR, MINUTE, Shop


@pytest.mark.parametrize(
    "template",
    [
        "<p>More {{ segments.buyers.category }}</p>",
        "{% if segments.buyers.category %}<p>More {{ segments.buyers.category }}</p>{% endif %}",
    ],
    ids=["slots", "liquid"],
)
def test_a_purchase_of_the_last_week_brings_more_of_its_category(shop: Shop, template: str) -> None:
    shop.case(cases.BUYERS)
    shop.show("buyers", template)
    assert shop.decide()["html"] == "<p>Welcome</p>"

    bought_at = shop.at_ms
    shop.track("Order Completed", category="blouses", value=40)
    assert shop.decide()["html"] == "<p>More blouses</p>"

    # An older purchase, told later, does not take the place of the newer one.
    shop.after(HOUR)
    shop.track("Order Completed", bought_at - DAY, category="sale", value=10)
    assert shop.decide()["html"] == "<p>More blouses</p>"
    # One without a category does not match, and a newer one does.
    shop.track("Order Completed", value=10)
    assert shop.decide()["html"] == "<p>More blouses</p>"
    newest = shop.at_ms
    shop.track("Order Completed", category="<skirts>", value=10)
    assert shop.decide()["html"] == "<p>More &lt;skirts&gt;</p>"

    shop.assert_flips(newest + 7 * DAY, to=False)
    assert shop.decide()["html"] == "<p>Welcome</p>"


def test_three_articles_within_ten_minutes_and_two_hovers_over_subscribe(shop: Shop) -> None:
    shop.case(cases.READY)
    shop.show("ready")
    first = shop.at_ms
    shop.track("Article Viewed", article_id="1")
    shop.after(4 * MINUTE)
    shop.track("Article Viewed", article_id="2")
    shop.track("Element Hovered", element="subscribe")
    shop.track("Element Hovered", element="subscribe")
    shop.go(first + 10 * MINUTE - 1)
    shop.track("Article Viewed", article_id="3")
    assert shop.is_offered()
    shop.go(first + 10 * MINUTE)
    assert not shop.is_offered()

    # A fourth one, read in between and told late, makes three again: until the hovers are old.
    shop.track("Article Viewed", first + 5 * MINUTE, article_id="4")
    assert shop.is_offered()
    shop.assert_flips(first + 14 * MINUTE, to=False)


def test_events_in_any_order_make_the_same_answer(shop: Shop) -> None:
    """The last one of a batch of late messages decides nothing: their times do."""
    shop.segment(
        "ready",
        {
            "kind": "sequence",
            "steps": [{"name": "Product Viewed"}, {"name": "Product Added", "within": "5m"}],
            "by": ["product_id"],
            "window": {"last": "1h"},
            "bind": {"product": {"step": 1, "property": "product_id"}},
        },
    )
    shop.show("ready", "<p>{{ segments.ready.product }}</p>")
    start = shop.at_ms
    shop.go(start + 20 * MINUTE)
    shop.send(
        shop.event("Product Added", start + 9 * MINUTE, product_id="B"),
        shop.event("Product Added", start + 4 * MINUTE, product_id="A"),
        shop.event("Product Viewed", start + 3 * MINUTE, product_id="B"),
        shop.event("Product Viewed", start + 1, product_id="A"),
    )
    assert shop.decide()["html"] == "<p>A</p>", "B was added more than five minutes later"
    shop.send(shop.event("Product Viewed", start + 4 * MINUTE, product_id="B"))
    assert shop.decide()["html"] == "<p>B</p>"
    shop.assert_flips(start + 4 * MINUTE + HOUR, to=False)
