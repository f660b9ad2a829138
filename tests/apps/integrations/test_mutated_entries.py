"""Entries that nobody would send: each is imported, left or refused, and none stops the next."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.content.models import Block
from apps.integrations import importing
from apps.integrations.models import Incoming
from apps.work import clock
from tests.apps.integrations.conftest import AT, connected, entry, imported, rich
from tests.hostile.mutants import mutants

COUNT = 200
CONTENTFUL = entry(
    tags=("segment.vip",), title={"en-US": "A", "de": "B"}, body={"en-US": rich("text")}
)
STRAPI = {
    "event": "entry.publish",
    "createdAt": AT,
    "model": "heroBanner",
    "entry": {"id": 7, "documentId": "doc7", "locale": "en", "title": "A", "tags": [{"name": "x"}]},
}
STANDARD = {
    "type": "entry.published",
    "timestamp": AT,
    "data": {"id": "a", "contentType": "heroBanner", "tags": [], "fields": {"en": {"title": "A"}}},
}


@pytest.mark.parametrize(
    ("kind", "document"),
    [("contentful", CONTENTFUL), ("strapi", STRAPI), ("standard", STANDARD)],
    ids=["contentful", "strapi", "standard"],
)
def test_a_mutated_entry_ends_with_a_word_and_no_error(
    client: Client, hero: Block, kind: str, document: dict[str, Any]
) -> None:
    connection = connected(hero, kind)
    connection.tag_prefix = ""
    connection.save()
    states, event = set(), "ContentManagement.Entry.publish" if kind == "contentful" else ""
    for number, mutant in enumerate(mutants(kind, [document], COUNT)):
        incoming = Incoming.objects.create(
            connection=connection,
            delivery=f"mutant-{number}",
            event=event,
            body=mutant.body,
            received_at=clock.now(),
        )
        importing.run(incoming.pk, clock.now())
        incoming.refresh_from_db()
        assert incoming.state != "waiting", mutant.story
        assert incoming.message and (incoming.code or incoming.state == "done"), mutant.story
        states.add(incoming.state)
    assert states >= {"done", "refused"}
    again = json.loads(json.dumps(document).replace(AT, clock.now().isoformat()))
    last = imported(client, connection, again)
    assert last.state == "done", last.message
