"""A Postgres that is stopped, not gone: requests end, and begin to work again with it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from apps.access import services as access
from apps.work import record_watch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The watch, looking only when a test does."""
    monkeypatch.setattr(record_watch, "_start", lambda: None)
    monkeypatch.setattr(record_watch, "_is_away", False)
    yield
    record_watch.end()
    monkeypatch.setattr(record_watch, "_is_away", False)


def stopped_backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_request_that_waits_for_a_stopped_server_is_let_go(
    watch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = stopped_backend()
    monkeypatch.setattr(record_watch, "_answers", lambda: False)  # the others are stopped too

    def look_later() -> None:
        time.sleep(0.3)
        record_watch.look()

    looking = threading.Thread(target=look_later)
    record_watch.begin(0.1)
    looking.start()
    try:
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        os.kill(pid, signal.SIGCONT)
        looking.join()
        connection.close()
    assert record_watch.is_away()

    monkeypatch.undo()
    record_watch.look()
    assert not record_watch.is_away()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_slow_work_of_a_server_that_answers_is_left_to_end(watch: None) -> None:
    record_watch.begin(0.0)
    time.sleep(0.01)
    record_watch.look()

    assert not record_watch.is_away()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/v1/track", {"anonymousId": "a", "event": "E"}),
        ("post", "/v1/batch", {"batch": [{"type": "track", "anonymousId": "a", "event": "E"}]}),
        ("post", "/v1/exposures", {"exposures": []}),
        ("post", "/v1/conversions", {"conversions": []}),
        ("post", "/v1/consent", {"anonymousId": "a", "purposes": {"analytics": True}}),
        ("get", "/v1/consent?anonymousId=a", None),
        ("get", "/v1/profiles/user_id:1/traits", None),
    ],
)
def test_a_page_reads_that_it_should_try_again_while_the_record_is_away(
    watch: None, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    site = access.create_site(key="shop", name="Shop", now=now)
    source = access.create_source(
        site_id=site.pk, name="web", allowed_origins=["https://shop.example"], now=now
    )
    kind = "sk" if "profiles" in path else "pk"
    _, key = access.issue_key(source_id=source.pk, kind=kind, now=now)
    headers = {"Authorization": f"Bearer {key}"}
    if kind == "pk":
        headers["Origin"] = "https://shop.example"
    call = partial(getattr(Client(), method), path, body, headers=headers)
    ask = partial(call, content_type="application/json") if method == "post" else call
    assert ask().status_code in (200, 404)

    monkeypatch.setattr(record_watch, "_is_away", True)
    response = ask()
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response.json()["code"] == "unavailable"
    if kind == "pk":
        assert response["Access-Control-Allow-Origin"] == "https://shop.example"
