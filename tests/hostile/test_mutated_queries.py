"""Mutated addresses at every route that reads one: answered, never by a 5xx."""

import base64
import json

import pytest
from django.test import Client

from apps.access.models import Source
from tests.apps.delivery.conftest import (  # noqa: F401
    World,
    _new_process,
    world,
)
from tests.hostile.doors import TRACK
from tests.hostile.mutants import queries

COUNT = 80
PIXEL = base64.urlsafe_b64encode(json.dumps(TRACK).encode()).decode()
LIST = {"limit": "10", "next": "", "include": "external_ids"}
AT = "2026-01-01T00:00:00Z"
ROUTES: list[tuple[str, dict[str, str]]] = [
    ("/v1/pixel/track", {"data": PIXEL, "writeKey": "pk_x"}),
    ("/v1/content/home.hero", {"site": "shop", "sk": "uwoHKQEAAAAEtfENrWgUeQU", "locale": "de"}),
    ("/v1/fragments/home.hero", {"site": "shop", "sk": "uwoHKQEAAAAEtfENrWgUeQU"}),
    ("/v1/why", {"decisionId": "dec_AAAA"}),
    (
        "/v1/recommendations/next",
        {"anonymousId": "m1", "item": "A1", "limit": "3", "exclude": "B1"},
    ),
    ("/v1/consent", {"anonymousId": "m1"}),
    ("/v1/segments", LIST),
    ("/v1/segments/blouses/members", LIST),
    ("/v1/segments/changes", {"cursor": "1", "segment": "blouses", **LIST}),
    ("/v1/profiles/anonymous_id:m1/events", {"since": AT, "type": "track", **LIST}),
    ("/v1/profiles/anonymous_id:m1/segments", {"at": AT, "explain": "1"}),
    ("/v1/profiles/anonymous_id:m1/traits", {"include": "a,b", **LIST}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "good"), ROUTES, ids=[path for path, _ in ROUTES])
def test_no_mutated_address_brings_the_server_down(
    world: World,  # noqa: F811
    path: str,
    good: dict[str, str],
) -> None:
    world.hero()
    world.person(("anonymous_id", "m1"))
    Source.objects.filter(pk=world.source.pk).update(rate_per_s=1_000_000)
    client = Client(raise_request_exception=False)
    statuses: set[int] = set()
    for query, story in queries(path, good, COUNT):
        answer = client.get(
            path, QUERY_STRING=query.decode(), headers={"Authorization": f"Bearer {world.sk}"}
        )
        assert answer.status_code in {200, 304, 400, 401, 403, 404, 422}, (story, query)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json", (story, query)
        statuses.add(answer.status_code)
    if path.startswith("/v1/pixel"):
        assert statuses == {200}
