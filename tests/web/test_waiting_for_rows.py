"""A row that somebody holds is waited for beside the loop, and not for long."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from config import lock_waits
from tests.apps.delivery.conftest import World
from tests.web.server import Server, running

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_decision_is_answered_while_consent_waits_for_its_visitors_row(
    transactional_db: None, valkey: object, tmp_path: Path
) -> None:
    world = World()
    world.hero()
    with running(tmp_path, "tests.web.target:application") as server:
        _ask_beside_a_held_row(server, {"Authorization": f"Bearer {world.pk}"})
        assert server.stop() == 0  # what it has noted is written before the tables are emptied


def _ask_beside_a_held_row(server: Server, key: dict[str, str]) -> None:
    said = {"anonymousId": "held", "purposes": {"analytics": True}}
    assert server.ask("POST", "/v1/consent", said, key).status == 200
    told: list[Any] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM profiles_profilestate WHERE profile_id IN"
            " (SELECT profile_id FROM profiles_identity WHERE value = 'held') FOR UPDATE"
        )
        assert cursor.fetchone()
        asking = threading.Thread(
            target=lambda: told.append(server.ask("POST", "/v1/consent", said, key))
        )
        asking.start()
        decided = 0
        while not told:
            time.sleep(0.02)  # slower than the rate limit
            asked = {"placements": ["home.hero"], "anonymousId": "another"}
            assert server.ask("POST", "/v1/decide", asked, key).status == 200
            decided += 1
        asking.join()
    assert decided >= 5
    assert (told[0].status, told[0].json()["code"]) == (503, "unavailable")
    assert told[0].headers["retry-after"] == "1"
    assert server.ask("POST", "/v1/consent", said, key).status == 200


def test_events_that_wait_for_a_held_row_hold_up_nobody_elses(
    transactional_db: None, valkey: object, tmp_path: Path
) -> None:
    world = World()
    with running(tmp_path, "tests.web.target:application") as server:
        key = {"Authorization": f"Bearer {world.pk}"}
        assert server.ask("POST", "/v1/track", _chosen(), key).status == 200
        told: list[Any] = []
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM profiles_profilestate WHERE profile_id IN"
                " (SELECT profile_id FROM profiles_identity WHERE value = 'held') FOR UPDATE"
            )
            assert cursor.fetchone()
            asking = [
                threading.Thread(
                    target=lambda: told.append(server.ask("POST", "/v1/track", _chosen(), key))
                )
                for _ in range(3)
            ]
            for one in asking:
                one.start()
            others = 0
            while len(told) < len(asking):
                time.sleep(0.02)  # slower than the rate limit
                event = {"event": "Seen", "anonymousId": "another"}
                assert server.ask("POST", "/v1/track", event, key).status == 200
                others += 1
            for one in asking:
                one.join()
        assert others >= 5
        assert [(one.status, one.json()["code"]) for one in told] == [(503, "unavailable")] * 3
        assert server.ask("POST", "/v1/track", _chosen(), key).status == 200
        assert server.stop() == 0


def _chosen() -> dict[str, Any]:
    said = {"consent": {"categoryPreferences": {"analytics": True}}}
    name = "Segment Consent Preference Updated"
    return {"event": name, "anonymousId": "held", "context": said}


def test_a_threads_statements_wait_as_long_as_it_was_told() -> None:
    shown: list[Any] = []

    def ask(seconds: float) -> None:
        lock_waits.limit(seconds)
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            shown.append(cursor.fetchone()[0])
        connection.close()

    for seconds in (0.25, 0.0):
        thread = threading.Thread(target=ask, args=(seconds,))
        thread.start()
        thread.join()
    assert shown == ["250ms", "0"]


def test_previews_are_decided_and_documents_sent_beside_the_loop(
    server: Server, transactional_db: None, valkey: object
) -> None:
    world = World()
    world.hero()
    made = server.ask(
        "POST", "/v1/previews", {"draft": True}, {"Authorization": f"Bearer {world.sk}"}
    ).json()
    asked = {"placements": ["home.hero"], "preview": made["preview"], "writeKey": world.pk}
    answer = server.ask("POST", "/v1/decide", asked).json()
    assert answer["placements"]["home.hero"]["reason"] == "PREVIEW"
    document = server.ask("GET", "/v1/openapi.json")
    assert "/v1/decide" in document.json()["paths"]
    again = server.ask(
        "GET", "/v1/openapi.json", headers={"If-None-Match": document.headers["etag"]}
    )
    assert (again.status, again.content) == (304, b"")
