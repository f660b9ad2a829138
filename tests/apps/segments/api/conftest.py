"""A site with keys, whose segments are read over HTTP under a clock that tests move."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse

from apps.profiles.identities import add
from apps.profiles.models import ProfileState
from apps.segments import services
from apps.segments.models import Segment
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.delivery.conftest import World
from tests.apps.segments.world import NOW, NOW_MS, Happened, make_profile

PRO = {"kind": "trait", "name": "plan", "op": "eq", "value": "pro"}
MINUTE = timedelta(minutes=1)
VIEWED = {
    "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "10m"},
    "op": "gte", "value": 1,
}  # fmt: skip


@pytest.fixture
def world(db: None) -> Iterator[World]:
    clock.replace(lambda: NOW)
    yield World()
    clock.replace(None)


def at(moment: Any) -> None:
    clock.replace(lambda: moment)


def get(world: World, path: str, *, key: str = "", etag: str = "", **query: Any) -> HttpResponse:
    headers = {"Authorization": f"Bearer {key or world.sk}"}
    if etag:
        headers["If-None-Match"] = etag
    return world.client.get(path, query, headers=headers)


def read(world: World, path: str, **query: Any) -> Any:
    response = get(world, path, **query)
    assert response.status_code == 200, response.content
    return response.json()


def post(world: World, path: str, body: bytes = b"", **headers: str) -> HttpResponse:
    given = {"Authorization": f"Bearer {world.sk}", **headers}
    return world.client.post(path, body, content_type="text/csv", headers=given)


def published(world: World, key: str, node: object, **fields: Any) -> Segment:
    made = services.create_segment(
        site_id=world.site.pk, key=key, name=key.title(), condition={"v": 1, "where": node},
        now=NOW, **fields,
    )  # fmt: skip
    services.publish_segment(site_id=world.site.pk, segment_id=made.pk, actor=None, now=NOW)
    return made


def person(world: World, user: str, **traits: Any) -> UUID:
    profile = make_profile(world.site, traits=traits)
    add({(world.site.pk, "user_id", user): profile.pk}, now=NOW)
    ProfileState.objects.filter(pk=profile.pk).update(identities=[f"user_id:{user}"])
    return profile.pk


def viewer(world: World, user: str, minutes_ago: int) -> UUID:
    profile = make_profile(world.site, [Happened(NOW_MS - minutes_ago * 60_000, "Product Viewed")])
    add({(world.site.pk, "user_id", user): profile.pk}, now=NOW)
    return profile.pk


def refresh(world: World) -> None:
    refresh_site(site_id=world.site.pk, read_clock=clock.now)


def problem(response: HttpResponse) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]
