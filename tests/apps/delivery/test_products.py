"""Products in a field of ordinary content: asked for when somebody comes, kept for a replay."""

from typing import Any
from uuid import uuid4

import pytest

from apps.consent.types import Purpose
from apps.content import services as content
from apps.decisions import records
from apps.recommendations import selectors as recommendations
from tests.apps.delivery.conftest import World
from tests.apps.delivery.test_edge import fetch
from tests.apps.delivery.test_recommended import saw
from tests.apps.delivery.test_replay import replayed

SCHEMA = [
    {"name": "headline", "type": "string"},
    {"name": "row", "type": "products"},
    {"name": "other", "type": "products"},
]


@pytest.fixture
def shelf(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    block = content.create_block(
        site_id=world.site.pk, key="shelf", schema=SCHEMA, is_cacheable=True
    )
    fields: dict[str, Any] = {
        "headline": "For {{ traits.name }}",
        "row": {"recommender": "next", "limit": 2},
        "other": {"recommender": "unknown", "limit": 2},
    }
    content.create_variant(block=block, key="all", is_default=True, fields=fields)
    content.create_placement(site_id=world.site.pk, key="home.shelf", block=block)
    world.publish()
    tell(world, monkeypatch, [("P1", 0.5), ("P2", 0.4), ("P3", 0.3)])
    return world


def tell(world: World, monkeypatch: pytest.MonkeyPatch, popular: list[tuple[str, float]]) -> None:
    table = recommendations.Table(uuid4(), {"A1": [("B1", 9.0)]}, popular)
    monkeypatch.setitem(recommendations._tables, world.site.pk, {"next": table})


def ids(answer: dict[str, Any], field: str = "row") -> list[str]:
    return [one["id"] for one in answer["fields"][field]]


def asked(world: World, anonymous_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.ask("home.shelf", anonymousId=anonymous_id)
    return answer["placements"]["home.shelf"]  # type: ignore[no-any-return]


def test_a_field_holds_what_follows_the_last_item_seen(shelf: World):
    row = shelf.person(("anonymous_id", "a1"), history=saw("A1"))
    shelf.tell(row.profile_id)
    answer = asked(shelf, "a1")
    assert ids(answer) == ["B1", "P1"]
    assert answer["fields"]["row"][0] == {"id": "B1", "score": 9.0, "why": "followed_by"}
    assert ids(asked(shelf, "nobody")) == ["P1", "P2"]
    assert "items" not in answer


def test_a_recommender_that_is_not_there_leaves_the_field_empty(shelf: World):
    assert ids(asked(shelf, "nobody"), "other") == []


def test_after_a_no_the_field_holds_what_is_popular(shelf: World):
    row = shelf.person(
        ("anonymous_id", "a1"), history=saw("A1"), denied=int(Purpose.PERSONALIZATION)
    )
    shelf.tell(row.profile_id)
    assert ids(asked(shelf, "a1")) == ["P1", "P2"]


def test_the_same_products_come_out_of_a_replay_when_others_are_recommended(
    shelf: World, monkeypatch: pytest.MonkeyPatch
):
    row = shelf.person(("anonymous_id", "a1"), history=saw("A1"))
    shelf.tell(row.profile_id)
    asked(shelf, "a1")
    asked(shelf, "nobody")
    records.flush()
    tell(shelf, monkeypatch, [("Z1", 1.0)])
    found = replayed("--site", "shop")
    assert (found["same"], found["fine"]) == (2, True), found["lines"]


def test_a_cache_gets_what_is_popular_and_the_edge_leaves_it_to_the_server(shelf: World):
    answer = shelf.client.get("/v1/content/home.shelf?site=shop").json()
    assert ids(answer) == ["P1", "P2"]
    [place] = fetch(shelf).json()["placements"]
    assert place["origin"] == "recommendations"
