"""`?explain=1` on the segments of a profile: the same evaluation, with what it found."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.profiles.identities import add
from apps.segments import services
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.delivery.conftest import World
from tests.apps.segments.api.conftest import read
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile

TWICE = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "10m"},
    "op": "gte", "value": 2,
}  # fmt: skip
PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}


@pytest.fixture
def world(db: None) -> Iterator[World]:
    clock.replace(lambda: NOW)
    yield World()
    clock.replace(None)


@pytest.fixture
def address(world: World) -> str:
    """Of a pro who has viewed one product, beside the segments `pro` and `twice`."""
    for key, where in (("pro", PRO), ("twice", TWICE)):
        made = services.create_segment(
            site_id=world.site.pk, key=key, name=key, condition={"v": 1, "where": where}, now=NOW
        )
        services.publish_segment(site_id=world.site.pk, segment_id=made.pk, actor=None, now=NOW)
    viewed = [Happened(NOW_MS - 60_000, "Product Viewed")]
    person = make_profile(world.site, viewed, {"plan": "pro"})
    refresh_site(site_id=world.site.pk, read_clock=clock.now)
    add({(world.site.pk, "user_id", "u1"): person.pk}, now=NOW)
    return "/v1/profiles/user_id:u1/segments"


def test_each_segment_says_why(world: World, address: str) -> None:
    plain = read(world, address)["data"]
    assert [row["key"] for row in plain] == ["pro"]
    assert "explanation" not in plain[0]
    (row,) = read(world, address, explain="1")["data"]
    why = row["explanation"]
    assert (why["meets"], why["isMember"]) == (True, True)
    assert (why["trace"]["found"], why["trace"]["wanted"]) == ("“pro”", "“pro”")


def test_a_segment_that_they_are_not_in_says_what_is_missing(world: World, address: str) -> None:
    (row,) = read(world, address, explain="1", segment="twice")["data"]
    why: dict[str, Any] = row["explanation"]
    assert why["meets"] is False
    assert why["smallestChange"][0].startswith('1 more "Product Viewed"')
    (evidence,) = why["trace"]["evidence"]
    assert evidence["event"] == "Product Viewed"
    assert why["trace"]["found"] == "1"


def test_a_segment_that_is_not_there_is_not_found(world: World, address: str) -> None:
    response = world.client.get(
        address,
        {"explain": "1", "segment": "nobody"},
        headers={"Authorization": f"Bearer {world.sk}"},
    )
    assert (response.status_code, response.json()["code"]) == (404, "segment_not_found")
