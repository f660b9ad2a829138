"""Frequency caps: a decision reserves, an exposure confirms, and the budget holds all the same."""

from datetime import timedelta

import pytest

from tests.apps.delivery.capped_shop import DAY_MS, MINUTE, Shop
from tests.apps.delivery.conftest import World


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def test_a_cap_of_two_is_two_offers_and_then_what_is_left_says_capped(shop: Shop):
    shop.cap(most=2)
    shop.offer(variant=["twice"])
    shop.world.publish()
    assert [shop.variant() for _ in range(4)] == ["offer", "offer", "plain", "plain"]
    assert shop.ask()["home.offer"]["reason"] == "CAPPED"
    assert shop.variant("a2") == "offer"


def test_a_reservation_that_nobody_exposes_comes_back_after_120_seconds(shop: Shop):
    shop.cap(most=1)
    shop.offer(variant=["twice"])
    shop.world.publish()
    assert shop.variant() == "offer"
    shop.wait(timedelta(seconds=119, milliseconds=999))
    assert shop.variant() == "plain"
    shop.wait(timedelta(milliseconds=1))
    assert shop.variant() == "offer"


@pytest.mark.parametrize("is_folded", [True, False], ids=["folded", "not-folded"])
def test_an_exposure_counts_before_and_after_its_fold_and_once(shop: Shop, is_folded: bool):
    shop.cap(most=2)
    shop.offer(variant=["twice"])
    shop.world.publish()
    shop.see()
    if is_folded:
        shop.fold()
    shop.wait(5 * MINUTE)
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]
    shop.wait(20 * MINUTE)
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]


def test_an_exposure_that_comes_after_its_reservation_ended_counts_all_the_same(shop: Shop):
    shop.cap(most=1)
    shop.offer(variant=["twice"])
    shop.world.publish()
    late = shop.ask()["home.offer"]["decisionId"]
    shop.wait(10 * MINUTE)
    shop.expose(late)
    assert shop.variant() == "plain"
    shop.fold()
    assert shop.variant() == "plain"


def test_a_window_forgets_what_is_older(shop: Shop):
    shop.cap(most=1, window_ms=DAY_MS)
    shop.offer(variant=["twice"])
    shop.world.publish()
    assert shop.see() == "offer"
    shop.fold()
    shop.wait(timedelta(days=1) - timedelta(milliseconds=1))
    assert shop.variant() == "plain"
    shop.wait(timedelta(milliseconds=1))
    assert shop.variant() == "offer"


def test_a_page_cannot_free_budget_by_saying_that_it_showed_earlier_than_was_decided(shop: Shop):
    shop.cap(most=1, window_ms=DAY_MS)
    shop.offer(variant=["twice"])
    shop.world.publish()
    shop.see(seenAt=(shop.now - timedelta(days=2)).isoformat())
    assert shop.variant() == "plain"
    shop.fold()
    shop.wait(5 * MINUTE)
    assert shop.variant() == "plain"


def test_a_cooldown_and_a_session_end(shop: Shop):
    shop.cap("pause", cooldown_ms=600_000)
    shop.cap("session", most=1, per="session")
    shop.offer(variant=["pause"])
    shop.offer("home.second", variant=["session"])
    shop.world.publish()
    assert shop.see() == "offer"
    shop.fold()
    second = shop.ask("a1", "home.second")["home.second"]
    shop.expose(second["decisionId"])
    assert second["variant"] == "offer"
    shop.fold()
    shop.wait(9 * MINUTE)
    assert shop.variant() == "plain"
    shop.wait(1 * MINUTE)
    assert shop.see() == "offer"
    shop.fold()
    shop.wait(25 * MINUTE)  # 35 since the offer, 25 since the last event: one session
    assert shop.ask("a1", "home.second")["home.second"]["variant"] == "plain"
    shop.wait(31 * MINUTE)
    assert shop.ask("a1", "home.second")["home.second"]["variant"] == "offer"


def test_one_call_draws_on_a_shared_cap_in_the_order_of_its_placements(shop: Shop):
    shop.cap(most=3)
    for place in ("home.offer", "home.second", "home.third"):
        shop.offer(place, block=["twice"])
    shop.world.publish()
    asked = ("home.second", "home.offer", "home.third")
    first = shop.ask("a1", *asked)
    assert [first[place]["variant"] for place in asked] == ["offer"] * 3
    again = shop.ask("a1", *asked)
    assert [again[place]["reason"] for place in asked] == ["CAPPED"] * 3
    shop.wait(3 * MINUTE)
    shop.see()
    found = shop.ask("a1", *asked)
    assert [found[place]["variant"] for place in asked] == ["offer", "offer", "plain"]


@pytest.mark.parametrize("where", ["variant", "rule", "block", "placement"])
def test_a_cap_holds_wherever_it_is_named(shop: Shop, where: str):
    shop.cap(most=1)
    shop.offer(**{where: ["twice"]})  # type: ignore[arg-type]
    shop.world.publish()
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]


def test_a_variant_that_cannot_be_rendered_gives_its_budget_back(shop: Shop):
    shop.cap(most=1)
    shop.offer(variant=["twice"], template="{{ 1 | divided_by: facts.of }}")
    shop.world.publish()
    for _ in range(3):
        assert shop.ask(facts={"of": 0})["home.offer"]["reason"] == "ERROR"
    assert [shop.variant(facts={"of": 1}) for _ in range(2)] == ["offer", "plain"]


def test_a_call_that_is_repeated_by_its_key_reserves_once(shop: Shop):
    shop.cap(most=2)
    shop.offer(variant=["twice"])
    shop.world.publish()
    key = {"Idempotency-Key": "k1"}
    assert [shop.variant(headers=key) for _ in range(4)] == ["offer"] * 4
    assert [shop.variant() for _ in range(2)] == ["offer", "plain"]


def test_an_exposure_that_is_sent_twice_counts_once_and_one_with_its_own_id_each_time(shop: Shop):
    shop.cap(most=4)
    shop.offer(variant=["twice"])
    shop.world.publish()
    decided = shop.ask()["home.offer"]["decisionId"]
    shop.expose(decided)
    shop.expose(decided)
    shop.expose(decided, id="again")
    assert [shop.variant() for _ in range(3)] == ["offer", "offer", "plain"]
    shop.wait(3 * MINUTE)
    shop.fold()
    assert [shop.variant() for _ in range(3)] == ["offer", "offer", "plain"]


def test_an_answer_with_a_capped_variant_is_never_kept(shop: Shop):
    shop.cap(most=9)
    shop.offer(variant=["twice"])
    shop.world.publish()
    asked = {"placements": ["home.offer"], "anonymousId": "a1"}
    answer = shop.world.post("/v1/decide", asked)
    again = shop.world.post("/v1/decide", asked, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 200
    until = shop.now + timedelta(seconds=120)
    said = answer.json()["placements"]["home.offer"]["validUntil"]
    assert said == until.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_templates_and_the_trace_know_what_fatigue_leaves(shop: Shop):
    shop.cap("tired", half_life_ms=DAY_MS, step=0.25, floor=0.1, skip_below=0.6)
    shop.offer(variant=["tired"], template="{{ intensity }}")
    shop.world.publish()
    said = [shop.ask(key=shop.world.sk, explain=True)["home.offer"] for _ in range(3)]
    assert [one["html"] for one in said] == ["1", "0.75", "Plain"]
    steps = [
        [(step["key"], step["outcome"]) for step in one["trace"] if step["step"] == "cap"]
        for one in said
    ]
    assert steps == [
        [("tired", "reserved, intensity 1")],
        [("tired", "reserved, intensity 0.75")],
        [("tired", "no budget left")],
    ]
