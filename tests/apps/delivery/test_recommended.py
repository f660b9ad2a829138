"""Recommendations blocks: what follows the last item seen, else what is popular."""

from uuid import uuid4

import pytest

from apps.consent.types import Purpose
from apps.content import services as content
from apps.events import history
from apps.recommendations import selectors as recommendations
from tests.apps.delivery.conftest import World


@pytest.fixture
def row_of_ten(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    block = content.create_block(
        site_id=world.site.pk, key="recs", kind="recommendations", recommender="next", item_limit=3
    )
    content.create_variant(block=block, key="list", is_default=True)
    content.create_placement(site_id=world.site.pk, key="home.recs", block=block)
    world.publish()
    table = recommendations.Table(
        uuid4(), {"A1": [("B1", 9.0), ("B2", 4.0)]}, [("P1", 0.5), ("B1", 0.4), ("P2", 0.3)]
    )
    monkeypatch.setitem(recommendations._tables, world.site.pk, {"next": table})
    return world


def recs(world: World, anonymous_id: str, limit: int | None = None) -> dict:
    ask = {"key": "home.recs"} | ({} if limit is None else {"limit": limit})
    return world.ask(ask, anonymousId=anonymous_id)["placements"]["home.recs"]


def saw(item: str) -> bytes:
    return history.encode(history.History(items=[(1, item)]))


def test_items_follow_the_last_one_seen_and_are_filled_with_popular_ones(row_of_ten: World):
    row = row_of_ten.person(("anonymous_id", "a1"), history=saw("A1"))
    row_of_ten.tell(row.profile_id)
    answer = recs(row_of_ten, "a1")
    assert answer["items"] == [
        {"id": "B1", "score": 9.0, "why": "followed_by"},
        {"id": "B2", "score": 4.0, "why": "followed_by"},
        {"id": "P1", "score": 0.5, "why": "popular"},
    ]
    assert answer["reason"] == "TARGETING_MATCH"
    assert len(recs(row_of_ten, "a1", limit=1)["items"]) == 1


def test_somebody_without_a_past_gets_what_is_popular(row_of_ten: World):
    answer = recs(row_of_ten, "nobody")
    assert [one["id"] for one in answer["items"]] == ["P1", "B1", "P2"]
    assert answer["reason"] == "DEFAULT"


def test_after_a_no_the_list_is_the_popular_one(row_of_ten: World):
    row = row_of_ten.person(
        ("anonymous_id", "a1"), history=saw("A1"), denied=int(Purpose.PERSONALIZATION)
    )
    row_of_ten.tell(row.profile_id)
    answer = recs(row_of_ten, "a1")
    assert [one["id"] for one in answer["items"]] == ["P1", "B1", "P2"]
    assert answer["reason"] == "NO_CONSENT"
