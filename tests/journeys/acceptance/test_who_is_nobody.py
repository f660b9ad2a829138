"""Visitors of whom nothing is known, or only what they have allowed."""

from typing import Any

from tests.journeys.acceptance.shop import MINUTE, Json, Shop, both, count

NEVER_BOUGHT: Json = {"kind": "absence", "without": {"name": "Order Completed"}, "window": "ever"}
PRO: Json = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}


def choose(shop: Shop, **purposes: bool) -> None:
    answer = shop.world.post("/v1/consent", {"anonymousId": "a1", "purposes": purposes})
    assert answer.status_code == 200, answer.content
    shop.wake()


def test_who_never_did_it_is_everybody_who_comes_first(shop: Shop) -> None:
    shop.segment("never-bought", NEVER_BOUGHT)
    shop.show("never-bought")
    assert shop.decide("somebody new")["variant"] == "offer"
    # A choice makes a profile of them, which has done nothing either.
    choose(shop, advertising=True)
    assert shop.is_offered()
    shop.after(MINUTE)
    shop.track("Order Completed")
    assert not shop.is_offered()


def test_a_choice_holds_for_segments_without_another_event(shop: Shop) -> None:
    shop.segment("may-advertise", {"kind": "consent", "purpose": "advertising"})
    shop.show("may-advertise")
    shop.track("Product Viewed")
    assert not shop.is_offered()
    shop.after(MINUTE)
    choose(shop, advertising=True)
    assert shop.is_offered()
    shop.after(MINUTE)
    choose(shop, advertising=False)
    assert not shop.is_offered()


def test_a_no_to_analytics_ends_what_new_events_would_say(shop: Shop) -> None:
    """What was allowed when it came stays; what comes after the no is not even stored."""
    shop.segment("keen", count("Product Viewed", {"last": "1h"}, "gte", 2))
    shop.show("keen")
    shop.track("Product Viewed")
    choose(shop, analytics=False)
    shop.world.post("/v1/batch", {"batch": [shop.event("Product Viewed")]})
    shop.settle()
    assert not shop.is_offered()
    shop.after(MINUTE)  # of two choices at one time the refusal stands
    choose(shop, analytics=True)
    shop.track("Product Viewed")
    assert shop.is_offered()


def test_nobody_is_in_a_part_of_a_segment_that_they_are_not_in(shop: Shop) -> None:
    shop.segment("pro", PRO)
    shop.segment("pro-never-bought", NEVER_BOUGHT, parent="pro")
    shop.show("pro-never-bought")
    assert shop.decide("somebody new")["variant"] == "everyone"
    shop.track("Product Viewed")
    assert not shop.is_offered()
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": {"plan": "pro"}})
    assert shop.is_offered()


def test_nobody_is_in_two_segments_of_a_group(shop: Shop) -> None:
    shop.segment("first", NEVER_BOUGHT, group="g", priority=2)
    shop.segment("second", {"not": {"kind": "list", "key": "press"}}, group="g", priority=1)
    shop.show("second")
    assert shop.decide("somebody new")["variant"] == "everyone"
    shop.track("Product Viewed")
    assert not shop.is_offered()
    shop.track("Order Completed")
    assert shop.is_offered()


def test_a_parent_holds_where_the_request_answers_too(shop: Shop) -> None:
    phone: Json = {"kind": "context", "name": "app", "op": "eq", "value": "phone"}
    shop.segment("pro", PRO)
    shop.segment("pro-on-phone", both(phone, NEVER_BOUGHT), parent="pro")
    shop.rule({"kind": "segment", "key": "pro-on-phone"})

    def shown(app: str) -> Any:
        return shop.decide(context={"app": app})["variant"]

    assert shown("phone") == "everyone"
    shop.track("Product Viewed")
    assert shown("phone") == "everyone"
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1", "traits": {"plan": "pro"}})
    assert shown("phone") == "offer"
    assert shown("desk") == "everyone"


def test_a_group_holds_where_the_request_answers_too(shop: Shop) -> None:
    phone: Json = {"kind": "context", "name": "app", "op": "eq", "value": "phone"}
    shop.segment("buyer", count("Order Completed", "ever", "gte", 1), group="g", priority=2)
    shop.segment("on-phone", phone, group="g", priority=1)
    shop.rule({"kind": "segment", "key": "on-phone"})
    assert shop.decide(context={"app": "phone"})["variant"] == "offer"
    shop.track("Order Completed")
    assert shop.decide(context={"app": "phone"})["variant"] == "everyone"
