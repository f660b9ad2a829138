"""GET /v1/recommendations: one visitor's list for a site's servers, by the engine of decisions."""

from datetime import timedelta

import pytest

from apps.consent.types import Purpose
from apps.recommendations.models import PersonList
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.recommended_shop import KEY, PLACE, Shop


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def ids(answer: dict) -> list[str]:
    return [one["id"] for one in answer["items"]]


def test_a_visitor_gets_by_api_what_a_placement_would_show(shop: Shop):
    shop.views("A")
    answer = shop.fetch("anonymousId=a1&limit=5")
    assert ids(answer) == shop.items()
    assert answer["items"][0] == {"id": "B", "score": 0.6, "why": "followed_by"}
    version = str(shop.recommender.active_id)
    assert (answer["recommender"], answer["version"], answer["method"]) == (
        KEY, version, "followed_by",
    )  # fmt: skip
    assert answer["isPersonal"] is True


def test_nobody_gets_what_is_popular(shop: Shop):
    answer = shop.fetch("limit=2")
    assert (ids(answer), answer["isPersonal"]) == (["P0", "P1"], False)


def test_the_item_of_the_page_counts_even_where_nobody_is_named(shop: Shop):
    assert ids(shop.fetch("item=A&limit=2")) == ["B", "C"]
    assert "A" not in ids(shop.fetch("item=A&limit=20"))


def test_what_the_caller_excludes_is_not_there(shop: Shop):
    assert ids(shop.fetch("item=A&exclude=B&exclude=P0&limit=3")) == ["C", "P1", "P2"]
    shop.views("A")
    assert ids(shop.fetch("anonymousId=a1&exclude=B&limit=2")) == ["C", "P0"]


def test_who_refuses_recommendations_gets_what_is_popular_though_they_may_be_personalized(
    shop: Shop,
):
    shop.views("A")
    profile = shop.world.change(
        shop.world.person(("user_id", "u1")).profile_id, denied=int(Purpose.RECOMMENDATION)
    )
    shop.world.tell(profile.profile_id)
    shop.world.post("/v1/identify", {"anonymousId": "a1", "userId": "u1"}, key=shop.world.sk)
    shop.happens("Product Viewed", "a1", product_id="A")
    assert ids(shop.fetch("anonymousId=a1&limit=2")) == ["P0", "P1"]
    assert shop.shown()["reason"] == "DEFAULT"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=many", "/limit"),
        (f"item={'x' * 501}", "/item"),
        ("&".join(["exclude=x"] * 201), "/exclude"),
        (f"userId={'x' * 600}", "/userId"),
    ],
    ids=["none", "too many", "no number", "long item", "many excluded", "long id"],
)
def test_what_cannot_be_asked_is_refused_with_its_place(shop: Shop, query: str, pointer: str):
    problem = shop.fetch(query, status=400)
    assert problem["code"] == "invalid_request"
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_a_recommender_that_serves_nothing_is_not_found(shop: Shop):
    shop.set(active=None)
    assert shop.fetch(status=404)["code"] == "recommender_not_found"


def test_a_key_of_a_browser_may_not_ask_for_anybodys_list(shop: Shop):
    assert shop.fetch("userId=u1", status=403, key=shop.world.pk)["code"] == "forbidden"


def rendered(shop: Shop, user_id: str) -> list[str]:
    answer = shop.world.post(
        "/v1/render",
        {"identity": {"type": "user_id", "id": user_id}, "placements": [PLACE]},
        key=shop.world.sk,
    )
    assert answer.status_code == 200, answer.content
    return ids(answer.json()["placements"][PLACE])


def test_a_letter_holds_the_list_of_its_reader_until_they_come_again(shop: Shop):
    shop.set(per_person=True, filters={"bought": 30})
    row = shop.world.person(("user_id", "u1"))
    shop.world.tell(row.profile_id)
    PersonList.objects.create(
        profile_id=row.profile_id,
        recommender=shop.recommender,
        version=shop.recommender.active,
        items=[["L1", 0.9, "liked_by_like_minded"], ["L2", 0.8, "liked_by_like_minded"]],
        as_of=NOW - timedelta(hours=2),
    )
    assert rendered(shop, "u1")[:3] == ["L1", "L2", "P0"]
    told = {"userId": "u1", "event": "Order Completed"}
    at = (NOW - timedelta(hours=3)).isoformat()
    shop.sends({**told, "timestamp": at, "properties": {"products": [{"product_id": "L1"}]}})
    assert rendered(shop, "u1")[:2] == ["L2", "P0"]
    told["event"], at = "Product Viewed", (NOW - timedelta(hours=1)).isoformat()
    shop.sends({**told, "timestamp": at, "properties": {"product_id": "A"}})
    assert rendered(shop, "u1")[:2] == ["B", "C"]
