"""Health tells the truth, and counts are not for the public."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.work import redis as redis_door

AWAY = "unix:///nonexistent/valkey.sock"


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    redis_door.reset()
    yield
    redis_door.reset()


def test_a_whole_server_is_ready(db: None, valkey: Any, client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["checks"]["database"] == answer.json()["checks"]["redis"] == "ok"
    assert answer["Cache-Control"] == "no-store"


def test_without_redis_it_lives_but_is_not_ready(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.REDIS_URL", AWAY)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer["Retry-After"].isdigit()
    assert json.loads(answer.content)["checks"]["redis"] == "away"
    assert client.get("/healthz").status_code == 200


def test_counts_are_served_to_this_machine(db: None, valkey: Any, client: Client) -> None:
    client.get("/healthz")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'attune_answers_total{route="healthz",status="200"}' in text
    assert "attune_inbox_batches 0.0" in text
    assert "attune_redis_up 1.0" in text


@pytest.mark.parametrize(
    "meta",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "127.0.0.1"},
    ],
)
def test_counts_are_not_for_the_public(db: None, client: Client, meta: dict[str, Any]) -> None:
    assert client.get("/metrics", **meta).status_code == 404
