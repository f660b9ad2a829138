"""Calls of content systems reach a real process, and are kept while its loop goes on."""

import pytest

from apps.access.models import Site
from apps.content.services import create_block
from apps.integrations.models import Connection, Incoming
from apps.work import clock
from tests.web.server import Server


@pytest.mark.slow
def test_a_hook_is_answered_by_a_real_process(server: Server, transactional_db: None) -> None:
    now = clock.now()
    site = Site.objects.create(key="cms", name="Shop", created_at=now)
    create_block(site_id=site.pk, key="hero")
    connection = Connection.objects.create(
        site=site, name="Strapi", kind="strapi", secret="a secret of ours", created_at=now
    )
    path, said = f"/v1/hooks/{connection.pk}", {"event": "entry.publish"}
    wrong = server.ask("POST", path, said, {"Authorization": "Bearer another"})
    assert (wrong.status, wrong.json()["code"]) == (401, "invalid_signature")
    for is_repeated in (False, True):
        answer = server.ask("POST", path, said, {"Authorization": "Bearer a secret of ours"})
        assert (answer.status, answer.json()["repeated"]) == (202, is_repeated)
    assert Incoming.objects.get().connection == connection
