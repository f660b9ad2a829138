"""Offers to those who are in several segments, by who they are, where they are and when."""

import pytest

from tests.journeys.acceptance import cases
from tests.journeys.acceptance.shop import DAY, HOUR, IDLE, Json, Shop, count

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
)
DESK = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/122.0.0.0 Safari/537.36"
)


def test_high_value_and_high_engagement_overlap_and_part(shop: Shop) -> None:
    shop.case(cases.HIGH_VALUE)
    shop.case(cases.ENGAGED)
    shop.case(cases.OVERLAP)
    shop.show("both")
    start = shop.at_ms
    for days in (300, 200, 1):
        shop.track("Order Completed", start - days * DAY, value=100)
    assert set(shop.memberships()) == {"high-value"}
    for number in range(5):
        shop.track("Article Viewed", start - number * HOUR, article_id=str(number))
    assert set(shop.memberships()) == {"both", "engaged", "high-value"}
    assert shop.is_offered()

    shop.assert_flips(start - 4 * HOUR + 7 * DAY, to=False)
    assert set(shop.memberships()) == {"high-value"}
    # Engaged again, until the last purchase is a month old.
    for number in range(5):
        shop.track("Article Viewed", article_id=f"b{number}")
    assert shop.is_offered()
    shop.go(start + 28 * DAY)
    for number in range(5):
        shop.track("Article Viewed", article_id=f"c{number}")
    shop.assert_flips(start - DAY + 30 * DAY, to=False)
    assert set(shop.memberships()) == {"engaged"}


def test_a_behavioural_segment_within_a_demographic_one(shop: Shop) -> None:
    shop.case(cases.YOUNG_URBAN)
    shop.case(cases.KEEN)
    shop.show("keen")
    shop.track("Product Viewed")
    shop.track("Product Viewed")
    assert not shop.is_offered(), "nothing is known of who they are"

    traits: Json = {"age": 25, "region": "urban"}
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": traits})
    assert shop.is_offered()
    assert set(shop.memberships()) == {"keen", "young-urban"}
    shop.assert_flips(shop.at_ms + IDLE, to=False)

    shop.track("Product Viewed")
    shop.track("Product Viewed")
    assert shop.is_offered()
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": {"age": 26}})
    assert not shop.is_offered()
    assert shop.memberships() == {}


def test_of_exclusive_segments_a_visitor_is_in_the_first_only(shop: Shop) -> None:
    shop.segment("gold", count("Order Completed", {"last": "30d"}, "gte", 2), group="t", priority=2)
    shop.segment("silver", count("Order Completed", "ever", "gte", 1), group="t", priority=1)
    shop.show("silver")
    first = shop.at_ms
    shop.track("Order Completed")
    assert set(shop.memberships()) == {"silver"}
    shop.after(DAY)
    shop.track("Order Completed")
    assert set(shop.memberships()) == {"gold"}
    shop.assert_flips(first + 30 * DAY, to=True)
    assert set(shop.memberships()) == {"silver"}


def test_frequent_users_of_the_app_in_urban_areas(shop: Shop) -> None:
    shop.case(cases.FREQUENT)
    shop.rule(cases.URBAN.where)
    first = shop.at_ms
    for _ in range(3):
        shop.track("Application Opened")
        shop.after(HOUR)

    def shown(agent: str, **geo: object) -> str:
        found = shop.decide(context={"userAgent": agent, "geo": geo})["variant"]
        assert isinstance(found, str)
        return found

    assert shown(PHONE, position=[47.39, 8.51]) == "offer"
    assert shown(PHONE, city="Bern") == "offer"
    assert shown(DESK, position=[47.39, 8.51]) == "everyone"
    assert shown(PHONE, position=[46.52, 6.63]) == "everyone", "Lausanne is too far"
    assert shown(PHONE) == "everyone", "where they are is unknown"
    assert shown(PHONE, position="here", city="Thun") == "everyone"
    shop.go(first + 7 * DAY - 1)
    assert shown(PHONE, city="Bern") == "offer"
    shop.go(first + 7 * DAY)
    assert shown(PHONE, city="Bern") == "everyone"


@pytest.mark.parametrize(
    ("zone", "opens_utc_h"),
    [("Europe/Zurich", 17), ("America/New_York", 22), ("Asia/Kolkata", 12.5)],
    ids=["Zurich", "New York", "Kolkata"],
)
def test_an_evening_offer_follows_the_clock_of_the_visitor(
    shop: Shop, zone: str, opens_utc_h: float
) -> None:
    """From six to ten in the evening. The site itself is in another zone."""
    shop.rule(cases.EVENING.where)
    midnight = shop.at_ms - 12 * HOUR  # of a Tuesday, in March

    def shown() -> object:
        return shop.decide(context={"timezone": zone})["variant"]

    opens = midnight + round(opens_utc_h * HOUR)
    flips = [(opens, "offer"), (opens + 4 * HOUR, "everyone")]
    for at_ms, after in flips:
        before = "everyone" if after == "offer" else "offer"
        shop.go(at_ms - 1)
        assert shown() == before
        shop.go(at_ms)
        assert shown() == after
    assert shop.decide(context={"timezone": "Mars/Olympus"})["variant"] == "everyone"


def test_today_begins_at_the_midnight_of_the_visitor(shop: Shop) -> None:
    """Counted by the live path: the visitor's zone is a trait there."""
    shop.segment("today", count("Product Viewed", {"calendar": "day", "tz": "visitor"}, "gte", 1))
    shop.show("today")
    traits = {"timezone": "America/New_York"}
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": traits})
    shop.track("Product Viewed")
    # 12:00 UTC is 8 in the morning there, in summer time already: midnight is 4:00 UTC.
    shop.assert_flips(shop.at_ms + 16 * HOUR, to=False)
