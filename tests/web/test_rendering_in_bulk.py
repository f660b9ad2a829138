"""The web process renders for many people beside its loop, and tells all of them."""

import json

from tests.apps.delivery.conftest import World
from tests.web.server import Server


def test_a_thousand_people_are_told_by_the_web_process(
    server: Server, transactional_db: None, valkey: object
) -> None:
    world = World()
    world.hero()
    people = [{"type": "user_id", "id": f"u{number}"} for number in range(1000)]
    key = {"Authorization": f"Bearer {world.sk}"}
    answer = server.ask(
        "POST", "/v1/render/batch", {"placements": ["home.hero"], "identities": people}, key
    )
    assert answer.status == 200, answer.content
    *lines, last = [json.loads(line) for line in answer.content.splitlines()]
    assert last == {"end": True, "count": 1000, "next": None}
    assert [line["identity"] for line in lines] == people
    asked = {"placements": ["home.hero"], "segments": ["blouses"]}
    landing = server.ask("POST", "/v1/render", asked, key).json()
    assert landing["placements"]["home.hero"]["fields"] == {"headline": "Blouses"}
    assert server.ask("POST", "/v1/render/batch", {"segment": "x"}, key).status == 400
