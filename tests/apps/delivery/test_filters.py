"""Hard filters: what was bought, seen, sold out or is for others is in no answer, ever."""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.consent.types import Purpose
from apps.events import history
from apps.pipeline import bought, bought_filling
from apps.profiles.services import find_or_make
from apps.profiles.state import lock
from apps.recommendations import catalogue, selectors
from apps.recommendations.choosing import Filters
from apps.segments.models import Segment
from apps.work.models import Intent
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.delivery.recommended_shop import PLACE, Shop

BOUGHT = {"bought": 30}


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def order(shop: Shop, *codes: str, visitor: str = "a1", days_ago: float = 0.1, **more: Any) -> None:
    products = [{"product_id": code, "quantity": 1} for code in codes]
    at = NOW - timedelta(days=days_ago)
    shop.happens("Order Completed", visitor, at=at, products=products, **more)


def trait_of(shop: Shop, visitor: str = "a1") -> Any:
    name = (shop.world.site.pk, "anonymous_id", visitor)
    with transaction.atomic():
        (row,) = lock([find_or_make([name], now=NOW)[name]])
        return row.trait_values().get(bought.TRAIT)


def test_every_line_of_an_order_leaves_the_list_and_a_refund_gives_it_back(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", "P2")
    assert shop.items() == ["P1", "P3", "P4", "P5", "P6"]
    shop.happens("Order Refunded", products=[{"product_id": "P0"}])
    assert shop.items() == ["P0", "P1", "P3", "P4", "P5"]


def test_what_was_bought_before_the_window_is_shown_again(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", days_ago=31)
    order(shop, "P1", days_ago=29)
    assert shop.items()[:2] == ["P0", "P2"]


def test_events_may_come_in_any_order(shop: Shop):
    shop.set(filters=BOUGHT)
    at = NOW - timedelta(hours=1)
    shop.happens("Order Refunded", at=at, products=[{"product_id": "P0"}])
    order(shop, "P0", "P1", days_ago=1)  # arrives after its refund
    assert shop.items()[:2] == ["P0", "P2"]


def test_two_devices_of_one_person_bought_together(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", visitor="a1", days_ago=0.3)
    order(shop, "P1", visitor="a2", days_ago=0.2)
    shop.world.post("/v1/identify", {"anonymousId": "a1", "userId": "u"}, key=shop.world.sk)
    shop.world.post("/v1/identify", {"anonymousId": "a2", "userId": "u"}, key=shop.world.sk)
    shop.views("nothing", "a2")
    assert shop.items("a1")[0] == shop.items("a2")[0] == "P2"


def test_without_the_filter_nothing_is_kept_of_purchases(shop: Shop):
    order(shop, "P0")
    assert trait_of(shop) is None
    assert shop.items()[0] == "P0"


def test_who_turns_it_off_has_what_was_kept_forgotten_with_the_next_event(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0")
    assert list(trait_of(shop)) == ["P0"]
    shop.set(filters={})
    shop.views("A")
    assert trait_of(shop) is None


def test_orders_of_before_the_filter_are_left_out_once_a_worker_has_read_them(shop: Shop):
    order(shop, "P0", "P1")
    shop.recommender.filters = BOUGHT
    shop.recommender.save()
    selectors.refresh(shop.world.site.pk)
    asked = Intent.objects.get(kind="pipeline.fill_bought")
    assert bought_filling.fill(UUID(asked.payload["site_id"]), lambda *_: None) == 1
    assert shop.items()[0] == "P2"
    assert bought_filling.fill(UUID(asked.payload["site_id"]), lambda *_: None) == 0


def test_a_filter_that_looks_back_further_brings_earlier_purchases_back(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", days_ago=60)
    order(shop, "P1", days_ago=1)
    assert shop.items()[0] == "P0"
    shop.recommender.filters = {"bought": 365}
    shop.recommender.save()
    selectors.refresh(shop.world.site.pk)
    asked = Intent.objects.get(kind="pipeline.fill_bought")
    bought_filling.fill(UUID(asked.payload["site_id"]), lambda *_: None)
    assert shop.items()[0] == "P2"


def test_a_history_that_is_read_anew_brings_purchases_too(shop: Shop):
    order(shop, "P0")
    shop.set(filters=BOUGHT)
    name = (shop.world.site.pk, "anonymous_id", "a1")
    profile_id = find_or_make([name], now=NOW)[name]
    shop.world.change(profile_id, history=history.UNREAD)
    shop.views("A")
    assert "P0" not in shop.items()


def test_purchases_are_kept_no_longer_than_a_filter_looks_back(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", days_ago=40)
    assert list(trait_of(shop)) == ["P0"]  # the newest, whenever that was
    order(shop, "P1", days_ago=1)
    assert list(trait_of(shop)) == ["P1"]
    order(shop, "P2", days_ago=20)
    assert set(trait_of(shop)) == {"P1", "P2"}


def test_the_latest_two_hundred_purchases_travel_by_name_and_the_others_as_bits():
    many = {f"i{n}": n + 1 for n in range(300)}
    kept = bought.merged(many, {})
    older = kept.pop(selectors.OLDER)
    assert len(kept) == bought.MOST
    assert min(kept.values()) == 101 and older[0] == 100
    assert bought.merged({"a": 5}, {"a": -5}) == bought.merged({"a": -5}, {"a": 5}) == {"a": -5}


def shown_of(kept: Any, codes: Sequence[str], now_s: int, days: int = 30) -> set[str]:
    nothing: Any = {"seen": (), "inside": (), "category_of": {}}
    filters = Filters(bought_days=days)
    left_out = selectors.kept_from(filters, bought=kept, now_s=now_s, **nothing)
    return {code for code in codes if code not in left_out}


@settings(max_examples=60, deadline=None)
@given(
    orders=st.lists(
        st.lists(st.integers(0, 900), min_size=1, max_size=120, unique=True), max_size=12
    ),
    splits=st.integers(1, 4),
    returned=st.sets(st.integers(0, 900), max_size=8),
)
def test_nothing_that_was_bought_is_ever_shown_however_much_it_was(orders, splits, returned):
    now_s = 1_000_000
    people: list[dict[str, Any]] = [{} for _ in range(splits)]  # found to be one afterwards
    latest: dict[str, int] = {}
    for number, order_of in enumerate(orders):
        one = dict.fromkeys((f"i{n}" for n in order_of), 900_000 + number)
        latest |= one
        people[number % splits] = bought.merged(people[number % splits], one)
    back = dict.fromkeys((f"i{n}" for n in returned), -(900_000 + len(orders)))
    people[0] = bought.merged(people[0], back)
    latest |= back
    kept: dict[str, Any] = {}
    for one in people:
        kept = bought.merged(kept, one)
    assert len(kept) <= bought.MOST + 1
    have = {code for code, at_s in latest.items() if at_s > 0}
    everything = [f"i{n}" for n in range(901)]
    shown = shown_of(kept, everything, now_s)
    assert not shown & have
    if len(latest) <= bought.MOST and splits == 1:
        assert shown == set(everything) - have
    assert len(shown) >= 0.98 * (len(everything) - len(have)) - len(back)


def test_what_was_bought_before_two_hundred_others_is_still_not_shown(shop: Shop):
    shop.set(filters=BOUGHT)
    order(shop, "P0", days_ago=5)
    order(shop, *(f"other-{n}" for n in range(150)), days_ago=3)
    order(shop, *(f"more-{n}" for n in range(120)), days_ago=2)
    assert "P0" not in trait_of(shop)
    assert shop.items()[0] == "P1"
    name = (shop.world.site.pk, "anonymous_id", "a1")
    profile_id = find_or_make([name], now=NOW)[name]
    shop.world.change(profile_id, history=history.UNREAD)  # told anew from all that is stored
    shop.views("A")
    assert "P0" not in shop.items()
    # A filter that looks back less far shows what it does not look at.
    shop.set(filters={"bought": 1})
    shop.views("A")
    assert "P0" in shop.items()


def test_what_was_seen_is_left_out_where_the_recommender_says_so(shop: Shop):
    shop.views("P0")
    shop.views("A")
    assert "P0" in shop.items()
    shop.set(filters={"seen": True})
    assert "P0" not in shop.items()


def test_an_item_that_is_sold_out_is_gone_without_a_training(shop: Shop):
    shop.views("A")
    assert shop.items()[0] == "B"
    site_id = shop.world.site.pk
    catalogue.put(
        site_id=site_id, items=[{"code": "B", "stock": 0}, {"code": "P0", "is_available": False}],
        now=NOW,
    )  # fmt: skip
    selectors.refresh(site_id)  # as every process does each second
    assert shop.items() == ["C", "P1", "P2", "P3", "P4"]
    assert shop.world.client.get(f"/v1/content/{PLACE}?site=shop").json()["items"][0]["id"] == "P1"
    catalogue.put(site_id=site_id, items=[{"code": "B", "stock": 3}], now=NOW + timedelta(days=1))
    selectors.refresh(site_id)
    assert shop.items()[0] == "B"


def test_what_is_for_a_segment_alone_or_never_for_it_follows_membership(shop: Shop):
    blouses = shop.world.segment("blouses")
    shop.world.publish()
    shop.item("P1", category="sale")
    shop.set(
        filters={
            "only": [{"segment": "blouses", "items": ["P0"]}],
            "never": [{"segment": "blouses", "categories": ["sale"]}],
        }
    )
    row = shop.world.person(("anonymous_id", "member"), stays=inside([blouses]))
    shop.world.tell(row.profile_id)
    assert shop.items("member")[:2] == ["P0", "P2"]
    assert shop.items("nobody")[:2] == ["P1", "P2"]
    refused = shop.world.person(
        ("anonymous_id", "refused"), stays=inside([blouses]), denied=int(Purpose.PERSONALIZATION)
    )
    shop.world.tell(refused.profile_id)
    assert shop.items("refused")[:2] == ["P1", "P2"]
    cached = shop.world.client.get(f"/v1/content/{PLACE}?site=shop").json()
    assert cached["items"][0]["id"] == "P1"


def test_a_segment_that_nobody_publishes_has_no_members(shop: Shop):
    shop.set(filters={"only": [{"segment": "gone", "items": ["P0"]}]})
    assert shop.items()[0] == "P1"


def test_a_recommender_whose_filters_cannot_be_read_shows_nothing(shop: Shop, caplog: Any):
    shop.set(filters={"bought": "yes"})
    assert "items" not in shop.shown()
    assert "recommendations.filters_unreadable" in caplog.messages
    shop.set(filters={"bought": 1})
    assert shop.items()


_seconds = itertools.count(1)


def _history(items: Sequence[str]) -> bytes:
    """The history of somebody who looked at these, the last one last."""
    newest = dict.fromkeys(reversed(items))
    return history.encode(history.History(items=[(9 - n, one) for n, one in enumerate(newest)]))


CODES = [f"P{n}" for n in range(8)] + ["B", "C"]
SOME = st.frozensets(st.sampled_from(CODES), max_size=4)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    bought_now=SOME,
    seen=st.lists(st.sampled_from(CODES), max_size=3),
    sold_out=SOME,
    promoted=SOME,
    exclusive=SOME,
    is_member=st.booleans(),
    is_refused=st.booleans(),
    exploration=st.sampled_from([0.0, 0.5]),
    method=st.sampled_from(["followed_by", "neighbours", "session"]),
)
def test_no_answer_ever_holds_what_is_filtered(
    shop: Shop,
    bought_now: frozenset[str],
    seen: list[str],
    sold_out: frozenset[str],
    promoted: frozenset[str],
    exclusive: frozenset[str],
    is_member: bool,
    is_refused: bool,
    exploration: float,
    method: str,
):
    world, site_id = shop.world, shop.world.site.pk
    member = Segment.objects.filter(site=world.site, key="members").first()
    if member is None:
        member = world.segment("members")
        world.publish()
    shop.learn({"A": [["B", 0.6], ["C", 0.3]]}, method=method)
    shop.set(
        exploration=exploration,
        filters={
            "bought": 30,
            "seen": True,
            "never": [{"segment": "members", "items": sorted(promoted)}] if promoted else [],
            "only": [{"segment": "members", "items": sorted(exclusive)}] if exclusive else [],
        },
    )
    rows = [{"code": code, "is_available": code not in sold_out} for code in CODES]
    catalogue.put(site_id=site_id, items=rows, now=NOW + timedelta(seconds=next(_seconds)))
    selectors.refresh(site_id)
    visitor = f"v{next(_seconds)}"
    row = world.person(
        ("anonymous_id", visitor),
        stays=inside([member]) if is_member else {},
        denied=int(Purpose.RECOMMENDATION) if is_refused else 0,
        history=_history([*seen, "A"]),
        traits={bought.TRAIT: (dict.fromkeys(bought_now, int(NOW.timestamp()) - 60), 1, "m")},
    )
    world.tell(row.profile_id)
    never = set(sold_out)
    never |= exclusive if is_refused or not is_member else promoted
    if not is_refused:
        never |= {*bought_now, *seen, "A"}
    shown = shop.items(visitor)
    asked = [one["id"] for one in shop.fetch(f"anonymousId={visitor}&limit=20")["items"]]
    for found in (shown, asked):
        assert not never & set(found)
        assert len(set(found)) == len(found)
    known = {*CODES[:8]} if is_refused else set(CODES)
    assert set(asked) == known - never
