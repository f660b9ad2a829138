"""One place in a share of lists shows something less known, and says how probable that was."""

import json
from datetime import timedelta

import pytest

from apps.consent.types import Purpose
from apps.decisions import records
from apps.work import clock
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.recommended_shop import PLACE, Shop
from tests.apps.delivery.test_replay import replayed

PEOPLE = [f"v{n}" for n in range(40)]


@pytest.fixture
def shop(world: World) -> Shop:
    made = Shop(world)
    made.set(exploration=0.5)
    return made


def explorers(shop: Shop) -> dict[str, list[dict]]:
    found = {one: shop.shown(one)["items"] for one in PEOPLE}
    return {one: items for one, items in found.items() if "exploring" in {i["why"] for i in items}}


def test_some_lists_explore_with_the_probability_of_every_place(shop: Shop):
    found = explorers(shop)
    assert 8 < len(found) < 32
    for items in found.values():
        # Three items of eight are left for one of five places in half of the lists.
        assert sorted({one["p"] for one in items}) == [round(0.5 / 5 / 3, 9), 1 - 0.5 / 5]
        assert next(one["id"] for one in items if one["why"] == "exploring") in {"P5", "P6", "P7"}


def test_an_answer_stays_the_same_for_an_hour_and_may_be_answered_by_304(shop: Shop):
    explorer = next(iter(explorers(shop)))
    body = {"placements": [PLACE], "anonymousId": explorer}
    first = shop.world.post("/v1/decide", body)
    again = shop.world.post("/v1/decide", body, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    later: set[str] = set()
    for hours in range(1, 20):
        clock.replace(lambda hours=hours: NOW + timedelta(hours=hours))
        later.add(shop.world.post("/v1/decide", body)["ETag"])
    assert later != {first["ETag"]}


def test_who_refuses_recommendations_explores_nothing(shop: Shop):
    row = shop.world.person(
        ("anonymous_id", next(iter(explorers(shop)))), denied=int(Purpose.RECOMMENDATION)
    )
    shop.world.tell(row.profile_id)
    items = shop.shown(row.identities[0].partition(":")[2])["items"]
    assert [one["id"] for one in items] == ["P0", "P1", "P2", "P3", "P4"]
    assert all("p" not in one for one in items)


def test_the_record_keeps_the_probability_and_a_replay_serves_the_same(shop: Shop):
    explorer, shown = next(iter(explorers(shop).items()))
    records.flush()
    found = replayed("--site", "shop")
    assert found["fine"], found["lines"]
    assert found["same"] == len(PEOPLE)
    assert any(one["p"] < 0.1 for one in shown), explorer


def test_caches_and_the_edge_never_explore(shop: Shop):
    answer = shop.world.client.get(f"/v1/content/{PLACE}?site=shop")
    items = json.loads(answer.content)["items"]
    assert [one["why"] for one in items] == ["popular"] * 5
    assert all("p" not in one for one in items)
