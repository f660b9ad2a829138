"""Mutated questions of Contentful's clients: answered in their shape, never by a 5xx."""

import json

import pytest
from django.test import Client

from apps.access.models import Source
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.apps.integrations.reading import ENTRY, THERE, shop
from tests.hostile.mutants import queries

COUNT = 60
GOOD = {
    "content_type": "heroBanner",
    "locale": "en-US",
    "limit": "10",
    "skip": "0",
    "select": "sys,fields.title",
    "include": "1",
    "anonymousId": "a1",
    "context": '{"page": {"url": "https://shop.example/"}}',
}


@pytest.mark.parametrize(
    "path",
    ["/entries", f"/entries/{ENTRY}", "/content_types", "/locales"],
    ids=["entries", "entry", "types", "locales"],
)
def test_no_mutated_question_brings_the_server_down(
    world: World,  # noqa: F811
    path: str,
) -> None:
    shop(world)
    Source.objects.filter(pk=world.source.pk).update(rate_per_s=1_000_000)
    client = Client(raise_request_exception=False)
    for query, story in queries(f"{THERE}{path}", GOOD, COUNT):
        answer = client.get(
            f"{THERE}{path}",
            QUERY_STRING=query.decode(),
            headers={"Authorization": f"Bearer {world.pk}"},
        )
        assert answer.status_code in {200, 400, 401, 403, 404}, (story, query)
        told = json.loads(answer.content)
        assert answer.status_code == 200 or "message" in told, (story, query)
