"""An event that names nobody is somebody's all the same, where a cookie or a session says whose."""

import json
from typing import Any

import pytest

from tests.apps.events.conftest import Sending

VIEWED: dict[str, Any] = {"type": "track", "event": "Viewed"}


@pytest.mark.parametrize(
    ("context", "cookie", "anonymous_id"),
    [
        ({}, "a=1; ajs_anonymous_id=c-1; b=2", "c-1"),
        ({}, "ajs_anonymous_id=%22c-1%22", "c-1"),
        ({"sessionId": "s-1"}, "ajs_anonymous_id=c-1", "c-1"),
        ({"sessionId": 1712}, "", "session:1712"),
        ({"session_id": "s-1"}, "ajs_anonymous_id=", "session:s-1"),
    ],
    ids=["cookie", "quoted cookie", "cookie first", "session", "session in its other spelling"],
)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/v1/pixel/track"])
def test_the_next_best_id_stands_in(
    browser: Sending, path: str, context: dict[str, Any], cookie: str, anonymous_id: str
) -> None:
    event = {**VIEWED, "context": context}
    if path == "/v1/pixel/track":
        data = json.dumps({**event, "writeKey": browser.key})
        answer = browser.client.get(path, {"data": data}, HTTP_COOKIE=cookie)
    else:
        body = {"batch": [event]} if path == "/v1/batch" else event
        answer = browser.post(path, body, HTTP_COOKIE=cookie)
    assert answer.status_code == 200
    assert [one.anonymous_id for one in browser.stored()] == [anonymous_id]


def test_a_context_of_the_batch_says_the_session_of_all(browser: Sending) -> None:
    browser.batch(VIEWED, {**VIEWED, "anonymousId": "a1"}, context={"sessionId": "s-1"})
    assert [one.anonymous_id for one in browser.stored()] == ["session:s-1", "a1"]


def test_an_event_with_an_id_of_its_own_keeps_it(browser: Sending) -> None:
    for ids in ({"anonymousId": "a1"}, {"userId": "u1"}):
        browser.post("/v1/track", {**VIEWED, **ids}, HTTP_COOKIE="ajs_anonymous_id=c-1")
    assert [(one.anonymous_id, one.user_id) for one in browser.stored()] == [
        ("a1", None),
        (None, "u1"),
    ]


@pytest.mark.parametrize(
    "cookie",
    ["", "other=1", "ajs_anonymous_id=" + "x" * 600, "ajs_anonymous_id=a%00b"],
    ids=["none", "another", "too long", "with a NUL"],
)
def test_without_any_it_is_refused_as_before(browser: Sending, cookie: str) -> None:
    answer = browser.post("/v1/track", VIEWED, HTTP_COOKIE=cookie)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_event")
