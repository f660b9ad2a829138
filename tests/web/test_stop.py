"""An orderly end: what was acknowledged is stored, and who was being answered gets the answer."""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.apps.delivery.conftest import World
from tests.web.server import Server, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ASKERS = 6


@pytest.fixture
def world() -> World:
    made = World()
    made.hero()
    return made


@pytest.fixture
def server(world: World, tmp_path: Path) -> Iterator[Server]:
    # As it is served: the tests' own settings count at once, and leave nothing for the end.
    names = ("SECRET_KEY", "SIGNING_KEY", "TOMBSTONE_KEY")
    secrets = dict.fromkeys(names, "known to this test only, and long")
    real = {"DJANGO_SETTINGS_MODULE": "config.settings.local", **secrets}
    with running(tmp_path, workers=2, **real) as server:
        yield server


class Visitor(threading.Thread):
    """Asks what to show and says what was shown, until nobody answers."""

    def __init__(self, server: Server, world: World, name: str) -> None:
        super().__init__(daemon=True)
        self._server, self._world, self._name = server, world, name
        self.told: Counter[str] = Counter()

    def run(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            while True:
                asked = {"placements": ["home.hero"], "anonymousId": self._name}
                answer = self._post("/v1/decide", asked)
                self.told["decisions"] += 1
                shown = answer.json()["placements"]["home.hero"]["decisionId"]
                receipt = self._post("/v1/exposures", {"exposures": [{"decisionId": shown}]})
                self.told["exposures"] += receipt.json()["accepted"]

    def _post(self, path: str, body: Any) -> Any:
        answer = self._server.ask("POST", path, body, {"Authorization": f"Bearer {self._world.pk}"})
        if answer.status != 200:
            self.told[f"{path}: {answer.status} {answer.content!r}"] += 1
        return answer


def test_nothing_that_was_acknowledged_is_lost_at_an_orderly_end(
    server: Server, world: World
) -> None:
    visitors = [Visitor(server, world, f"v{n}") for n in range(ASKERS)]
    for visitor in visitors:
        visitor.start()
    wait_until(lambda: sum(v.told["exposures"] for v in visitors) >= 100, "some load")
    assert server.stop() == 0
    for visitor in visitors:
        visitor.join(10)
    told = sum((visitor.told for visitor in visitors), Counter())
    assert set(told) == {"decisions", "exposures"}
    # What was stored and not acknowledged may be one per visitor: it was on its way back.
    stored = _count("SELECT coalesce(sum(accepted), 0) FROM events_intakeminute")
    assert told["exposures"] <= stored <= told["exposures"] + ASKERS
    stored = _count("SELECT count(*) FROM events_dedupekey")
    assert told["exposures"] <= stored <= told["exposures"] + ASKERS
    stored = _count("SELECT count(*) FROM decisions_decisionrecord")
    assert told["decisions"] <= stored <= told["decisions"] + ASKERS


def test_a_call_whose_body_is_on_its_way_is_answered_before_the_end(
    server: Server, world: World
) -> None:
    body = b'{"placements":["home.hero"],"anonymousId":"late"}'
    with server.begun("/v1/decide", len(body), more=f"X-API-Key: {world.pk}\r\n") as line:
        ended = threading.Thread(target=server.stop)
        ended.start()
        line.sendall(body[:10])
        wait_until(lambda: not server.is_up(), "the end to begin")
        line.sendall(body[10:])
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
        ended.join()
    assert _count("SELECT count(*) FROM decisions_decisionrecord") == 1


def _count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])
