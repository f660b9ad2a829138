"""The next decision knows the event before it: no training, no schedule in between."""

import json

import pytest

from apps.decisions import announcing, records, stored
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from apps.recommendations.domain import kernel
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.recommended_shop import Shop
from tests.apps.delivery.test_replay import replayed

VECTORS = {"A": [1.0, 0.0], "B": [0.9, 0.1], "C": [0.0, 1.0], "D": [0.1, 0.9], "E": [0.5, 0.5]}


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def near(item: str) -> list[list[object]]:
    own = VECTORS[item]
    found = [
        [code, sum(a * b for a, b in zip(own, other, strict=True))]
        for code, other in VECTORS.items()
        if code != item
    ]
    return sorted(found, key=lambda one: -float(one[1]))


def learn_tastes(shop: Shop) -> None:
    lists = {item: near(item) for item in VECTORS}
    shop.learn(lists, method="als", vectors=VECTORS, params={"alpha": 2.0}, popular=[["E", 0.5]])
    shop.set(diversity=0.0)


def test_what_follows_an_item_is_shown_right_after_it_was_looked_at(shop: Shop):
    assert shop.items()[0] == "P0"
    shop.views("A")
    assert shop.items()[:2] == ["B", "C"]
    assert shop.shown()["reason"] == "TARGETING_MATCH"


def test_tastes_change_with_each_event_without_a_training(shop: Shop):
    learn_tastes(shop)
    shop.views("A")
    assert shop.items()[0] == "B"
    shop.views("C")
    after_two = shop.shown()["items"]
    assert {one["id"] for one in after_two[:3]} == {"B", "D", "E"}
    assert {one["why"] for one in after_two[:3]} == {"liked_by_like_minded"}
    counts = kernel.coefficients([VECTORS["C"], VECTORS["A"]], [1.0, 1.0], 2.0)
    person = [counts[0] * c + counts[1] * a for c, a in zip(VECTORS["C"], VECTORS["A"])]  # noqa: B905
    wanted = sum(p * d for p, d in zip(person, VECTORS["D"], strict=True))
    scores = {one["id"]: one["score"] for one in after_two}
    assert scores["D"] == pytest.approx(wanted, abs=1e-6)


def test_two_visitors_get_their_own_lists_from_one_memory(shop: Shop):
    learn_tastes(shop)
    shop.views("A", "a1")
    shop.views("C", "a2")
    assert (shop.items("a1")[0], shop.items("a2")[0]) == ("B", "D")
    assert shop.items("a3") == ["E"]
    assert (shop.items("a1")[0], shop.items("a2")[0]) == ("B", "D")


def test_a_pair_of_steps_serves_where_it_was_learned(shop: Shop):
    shop.learn({"B": [["X", 0.9]], "A>B": [["Y", 0.8]]}, method="session")
    shop.views("B", "a2")
    assert shop.items("a2")[0] == "X"
    shop.views("A")
    shop.views("B")
    assert shop.items()[0] == "Y"


def test_a_personal_list_comes_out_of_a_replay_as_it_was_when_others_are_learned(shop: Shop):
    learn_tastes(shop)
    shop.views("A")
    shown = shop.items()
    records.flush()
    shop.learn({"A": [["Z", 1.0]]})
    assert shop.items() != shown
    records.flush()
    found = replayed("--site", "shop")
    assert (found["same"], found["fine"]) == (2, True), found["lines"]


def test_why_tells_that_a_list_rests_on_visits(shop: Shop):
    shop.views("A")
    shown = shop.shown()
    answer = shop.world.client.get(
        f"/v1/why?decisionId={shown['decisionId']}",
        headers={"Authorization": f"Bearer {shop.world.pk}"},
    )
    told = json.loads(answer.content)
    assert told["isPersonalized"] is True
    assert "visits" in told["data"]


def test_who_is_held_out_of_everything_gets_what_everybody_may_see(shop: Shop):
    shop.views("A")
    latest = publication_document(shop.world.site.pk)
    assert latest is not None
    number = latest.number + 1
    document = stored.as_stored_whole(latest) | {
        "number": number, "holdouts": [{"key": "all", "seed": "all", "share": 1.0}],
    }  # fmt: skip
    Publication.objects.create(
        site_id=shop.world.site.pk, number=number, document=document, digest="d", published_at=NOW
    )
    announcing.announce(shop.world.site.pk, number)
    shown = shop.shown()
    assert shown["reason"] == "HOLDOUT"
    assert {one["why"] for one in shown["items"]} == {"popular"}
