"""The doors of intake: keys, encodings, content types, answers."""

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from django.test import Client

from tests.apps.events.conftest import NOW_MS, Sending, track


def test_a_batch_is_stored_and_counted(server: Sending) -> None:
    answer = server.batch(track(), track("Order Completed", properties={"total": 12.5}))

    assert answer == {"success": True, "accepted": 2, "duplicates": 0, "rejected": []}
    assert [event.name for event in server.stored()] == ["Product Viewed", "Order Completed"]
    assert server.counted() == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": 0,
        "without_consent": 0,
    }


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/v1/batch/"])
def test_a_batch_has_three_addresses_and_none_redirects(server: Sending, path: str) -> None:
    response = server.post(path, {"batch": [track()]})

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["X-Request-Id"].startswith("req_")
    assert len(server.stored()) == 1


@pytest.mark.parametrize(
    ("path", "event", "name"),
    [
        ("track", {"event": "Signed Up", "userId": "u1"}, "Signed Up"),
        ("t", {"event": "Signed Up", "userId": "u1"}, "Signed Up"),
        ("page", {"anonymousId": "a", "name": "Home", "category": "Top"}, "Page Viewed"),
        ("p", {"anonymousId": "a"}, "Page Viewed"),
        ("screen", {"anonymousId": "a", "name": "Home"}, "Screen Viewed"),
        ("s", {"anonymousId": "a"}, "Screen Viewed"),
        ("identify", {"userId": "u1", "traits": {"plan": "pro"}}, "Identify"),
        ("i", {"userId": "u1"}, "Identify"),
        ("group", {"userId": "u1", "groupId": "g1"}, "Group"),
        ("g", {"userId": "u1", "groupId": 7}, "Group"),
        ("alias", {"userId": "u1", "previousId": "a1"}, "Alias"),
        ("a", {"userId": "u1", "previousId": "a1"}, "Alias"),
    ],
)
def test_each_single_call_stores_one_event(
    server: Sending, path: str, event: dict[str, Any], name: str
) -> None:
    response = server.post(f"/v1/{path}", event)

    assert response.status_code == 200
    assert response.json()["accepted"] == 1
    (stored,) = server.stored()
    assert stored.name == name
    assert stored.type[0] == path[0]
    assert len(stored.message_id) == 36


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data; boundary=x"],
)
def test_the_body_is_json_whatever_its_label_says(server: Sending, content_type: str) -> None:
    response = server.post("/v1/batch", {"batch": [track()]}, content_type=content_type)

    assert response.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_bodies_are_read(server: Sending, encoding: str, compress: Any) -> None:
    body = compress(json.dumps({"batch": [track()]}).encode())

    response = server.post(
        "/v1/batch",
        body,
        HTTP_CONTENT_ENCODING=encoding,
        content_type="application/x-www-form-urlencoded",
    )

    assert response.json()["accepted"] == 1


def test_a_bomb_is_refused_without_being_unpacked(server: Sending) -> None:
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=9)

    response = server.post("/v1/batch", bomb, HTTP_CONTENT_ENCODING="gzip")

    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"


def test_a_body_over_512_000_bytes_is_refused(server: Sending) -> None:
    event = track(properties={"text": "x" * 20_000})
    body = json.dumps({"batch": [event] * 25}).encode()
    fits = body[:-2] + b" " * (512_000 - len(body)) + body[-2:]
    assert len(fits) == 512_000

    assert server.post("/v1/batch", fits).status_code == 200
    assert server.post("/v1/batch", fits + b" ").status_code == 413


def test_2_000_events_are_a_batch_and_2_001_are_too_many(server: Sending) -> None:
    events = [{"type": "page", "anonymousId": "a", "messageId": str(n)} for n in range(2_001)]

    assert server.batch(*events[:2_000])["accepted"] == 2_000
    response = server.post("/v1/batch", {"batch": events})

    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"


def test_an_empty_batch_is_fine(server: Sending) -> None:
    assert server.batch() == {"success": True, "accepted": 0, "duplicates": 0, "rejected": []}
    assert server.bodies() == []


def test_a_write_key_in_the_body_is_enough_for_a_browser(browser: Sending) -> None:
    body = json.dumps({"writeKey": browser.key, "batch": [track()]})

    response = Client().post("/v1/batch", body, content_type="text/plain")

    assert response.json()["accepted"] == 1


def test_a_write_key_in_a_single_event_is_enough_and_is_not_stored(browser: Sending) -> None:
    body = json.dumps({**track(), "writeKey": browser.key})

    assert Client().post("/v1/t", body, content_type="text/plain").json()["accepted"] == 1
    assert browser.key not in repr(browser.stored())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"batch": []}', b'{"writeKey": 7}'])
def test_without_a_key_the_answer_is_401_whatever_the_body(db: None, body: bytes) -> None:
    response = Client().post("/v1/batch", body, content_type="application/json")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "unauthorized"


def test_basic_credentials_with_an_empty_password_are_a_key(server: Sending) -> None:
    credentials = base64.b64encode(f"{server.key}:".encode()).decode()

    response = server.post(
        "/v1/batch", {"batch": [track()]}, HTTP_AUTHORIZATION=f"Basic {credentials}"
    )

    assert response.json()["accepted"] == 1


def test_browsers_may_read_every_answer_errors_included(browser: Sending) -> None:
    origin = {"HTTP_ORIGIN": "https://shop.example"}

    good = browser.post("/v1/batch", {"batch": []}, **origin)
    bad = browser.post("/v1/batch", b"{", **origin)

    assert good.status_code == 200
    assert bad.status_code == 400
    for response in (good, bad):
        assert response["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "Origin" in response["Vary"]


def test_a_get_of_a_batch_is_405_and_an_unknown_path_404(server: Sending) -> None:
    assert server.client.get("/v1/batch").status_code == 405
    assert server.post("/v1/nothing", {}).status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_request"),
        (b"not json", "invalid_request"),
        (b"[]", "invalid_request"),
        (b"null", "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"batch": {}}', "invalid_request"),
        (b'{"batch": null}', "invalid_request"),
        (b'{"batch": [', "invalid_request"),
        (b'{"batch": []', "invalid_request"),
        (b'{"batch": [], "context": []}', "invalid_request"),
        (b'{"batch": [], "integrations": 7}', "invalid_request"),
        (b"\xff\xfe", "invalid_request"),
        (b"[" * 100_000, "invalid_request"),
        (b'{"batch":' + b"[" * 200_000, "invalid_request"),
        (b'{"context": {"a": NaN}, "batch": []}', "invalid_request"),
        (b'{"context": {"a": "\\u0000"}, "batch": []}', "invalid_text"),
    ],
)
def test_a_body_that_is_no_batch_is_400_with_a_code(
    server: Sending, body: bytes, code: str
) -> None:
    response = server.post("/v1/batch", body)

    assert response.status_code == 400, response.content
    problem = response.json()
    assert problem["code"] == code
    assert problem["message"] == problem["detail"]
    assert response["Content-Type"] == "application/problem+json"


def test_a_byte_order_mark_is_forgiven(server: Sending) -> None:
    response = server.post("/v1/batch", b"\xef\xbb\xbf" + json.dumps({"batch": [track()]}).encode())

    assert response.json()["accepted"] == 1


@pytest.mark.parametrize("padded", [True, False])
def test_the_pixel_stores_an_event_and_is_a_picture(browser: Sending, padded: bool) -> None:
    event = {"writeKey": browser.key, "event": "Mail Opened", "userId": "u1"}
    data = base64.urlsafe_b64encode(json.dumps(event).encode()).decode()

    response = Client().get("/v1/pixel/track", {"data": data if padded else data.rstrip("=")})

    assert response.status_code == 200
    assert response["Content-Type"] == "image/gif"
    assert response["Cache-Control"] == "no-store"
    assert response.content.startswith(b"GIF89a")
    assert [event.name for event in browser.stored()] == ["Mail Opened"]


def test_the_pixel_takes_plain_json_and_the_key_from_the_address(browser: Sending) -> None:
    query = {"data": json.dumps({"userId": "u1"}), "writeKey": browser.key}

    assert Client().get("/v1/pixel/page", query).status_code == 200
    assert [event.name for event in browser.stored()] == ["Page Viewed"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/pixel/track",
        "/v1/pixel/nothing",
        "/v1/pixel/track?data=%00%ff",
        "/v1/pixel/track?data=e30",
        "/v1/pixel/track?writeKey=pk_unknown&data=e30",
    ],
)
def test_the_pixel_is_a_picture_whatever_is_wrong(db: None, path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 200
    assert response["Content-Type"] == "image/gif"


def test_the_library_settings_name_one_integration(browser: Sending, settings: Any) -> None:
    settings.PUBLIC_ORIGIN = "https://collect.example:8443"

    response = Client().get(f"/v1/projects/{browser.key}/settings")

    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=60"
    assert response.json() == {
        "integrations": {
            "Segment.io": {
                "apiKey": browser.key,
                "apiHost": "collect.example:8443/v1",
                "protocol": "https",
            }
        },
        "plan": {},
        "edgeFunction": {},
        "metrics": {"sampleRate": 0},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
    }


def test_the_library_settings_of_an_unknown_or_secret_key_are_404(server: Sending) -> None:
    assert Client().get("/v1/projects/pk_unknown/settings").status_code == 404
    assert Client().get(f"/v1/projects/{server.key}/settings").status_code == 404


def test_the_librarys_own_metrics_are_thrown_away(db: None) -> None:
    response = Client().post("/v1/m", b"\xff whatever", content_type="text/plain")

    assert response.status_code == 200
    assert response.json() == {"success": True}


def test_a_call_says_when_the_limit_is_reached(sending: Any) -> None:
    slow = sending(kind="server", rate_per_s=1, burst_s=1)

    first = slow.post("/v1/batch", {"batch": []})
    second = slow.post("/v1/batch", {"batch": []})

    assert first["RateLimit-Policy"] == '"ingest";q=1;w=1'
    assert second.status_code == 429
    assert second["Retry-After"].isdigit()


def test_the_inbox_row_carries_when_it_was_sent_and_received(server: Sending) -> None:
    server.batch(track(), sentAt="2026-03-10T11:59:59.500Z")

    (body,) = server.bodies()
    assert (body.v, body.r, body.s) == (1, NOW_MS, NOW_MS - 500)
