"""Postgres away or back, and bodies that nobody would write by hand."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.keys import KEYS
from apps.events import counters
from apps.pipeline import fold
from tests.apps.events.conftest import NOW, Sending, track


@pytest.fixture
def elsewhere() -> Iterator[dict[str, Any]]:
    """The settings of this thread's connection; put back afterwards."""
    kept = dict(connection.settings_dict)
    yield connection.settings_dict
    connection.settings_dict.update(kept)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_with_postgres_away_the_answer_is_503_and_it_heals_by_itself(
    server: Sending, elsewhere: dict[str, Any]
) -> None:
    assert server.batch(track())["accepted"] == 1
    host = elsewhere["HOST"]
    event = track()

    connection.close()
    elsewhere["HOST"] = "/nonexistent"
    for _ in range(2):
        response = server.post("/v1/batch", {"batch": [event]})
        assert response.status_code == 503
        assert response["Retry-After"].isdigit()
        assert response.json()["code"] == "unavailable"
    assert server.post("/v1/track", event).status_code == 503
    picture = server.client.get("/v1/pixel/page", {"data": "{}", "writeKey": "pk_x"})
    assert picture.status_code == 200

    elsewhere["HOST"] = host
    assert server.post("/v1/batch", {"batch": [event]}).json()["accepted"] == 1


@pytest.mark.django_db(transaction=True)
def test_a_dead_connection_costs_no_call(server: Sending, elsewhere: dict[str, Any]) -> None:
    server.batch(track())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()

    assert server.batch(track())["accepted"] == 1


@pytest.mark.django_db(transaction=True)
def test_counts_outlive_an_absence_of_postgres(server: Sending, elsewhere: dict[str, Any]) -> None:
    server.batch(track(), track())
    host = elsewhere["HOST"]
    connection.close()
    elsewhere["HOST"] = "/nonexistent"
    with pytest.raises(Exception, match="nonexistent"):
        counters.flush()

    elsewhere["HOST"] = host
    server.batch(track())

    assert server.counted()["accepted"] == 3


def test_redis_away_changes_nothing(server: Sending, settings: Any) -> None:
    from apps.work import redis

    server.batch(track())
    settings.REDIS_URL = "unix:///nonexistent.sock"
    getattr(redis, "forget", lambda: None)()

    assert server.batch(track())["accepted"] == 1


def test_a_batch_takes_two_statements(
    server: Sending, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.batch(track())  # key, month and limiter are known from here on
    monkeypatch.setattr(KEYS, "_check_at", float("inf"))

    with django_assert_num_queries(2):  # the consent look-up, and one that stores
        server.batch(*(track() for _ in range(20)))


names = st.sampled_from(
    ["type", "event", "messageId", "anonymousId", "userId", "previousId", "groupId", "timestamp"]
    + ["originalTimestamp", "sentAt", "properties", "traits", "context", "integrations", "name"]
    + ["batch", "writeKey", "consent", "categoryPreferences", "ip", "userAgent", "device", "page"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["track", "identify", "alias", "2026-03-10T11:00:00Z", "\x00", "\ud800", ""])
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "identify", "group", "alias"]) | trees},
    optional={
        "event": st.just("E") | trees,
        "anonymousId": st.just("a") | trees,
        "userId": st.just("u") | trees,
        "previousId": trees,
        "groupId": trees,
        "messageId": trees,
        "timestamp": trees,
        "sentAt": trees,
        "properties": st.dictionaries(st.text(max_size=5), trees, max_size=5) | trees,
        "traits": trees,
        "context": st.dictionaries(names, trees, max_size=5) | trees,
        "integrations": trees,
    },
)
FUZZ = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(batch=st.lists(events | trees, max_size=4), sent=trees, context=trees)
def test_no_batch_of_any_shape_is_our_fault(
    fuzzed: Sending, batch: list[Any], sent: Any, context: Any
) -> None:
    body = {"batch": batch, "sentAt": sent, "context": context}

    response = fuzzed.post("/v1/batch", json.dumps(body).encode())

    assert response.status_code in {200, 400}, response.content
    while fold.fold_once(now=NOW) is not fold.NOTHING:
        pass  # whatever was let in can be folded
    if response.status_code == 200:
        answer = response.json()
        counted = answer["accepted"] + answer["duplicates"] + len(answer["rejected"])
        assert counted + answer.get("withoutConsent", 0) == len(batch)


@FUZZ
@given(kind=st.sampled_from("itpsga"), event=events | trees)
def test_no_single_event_of_any_shape_is_our_fault(fuzzed: Sending, kind: str, event: Any) -> None:
    response = fuzzed.post(f"/v1/{kind}", json.dumps(event).encode())

    assert response.status_code in {200, 400}, response.content
    if response.status_code == 400:
        assert {"code", "message", "detail"} <= response.json().keys()


@FUZZ
@given(body=st.binary(max_size=200), encoding=st.sampled_from(["", "gzip", "deflate", "br"]))
def test_no_bytes_are_our_fault(fuzzed: Sending, body: bytes, encoding: str) -> None:
    for path in ("/v1/batch", "/v1/t", "/v1/m"):
        response = fuzzed.post(path, body, HTTP_CONTENT_ENCODING=encoding)
        assert response.status_code in {200, 400, 413}, response.content


@FUZZ
@given(data=st.data())
def test_no_cut_or_changed_batch_is_our_fault(fuzzed: Sending, data: st.DataObject) -> None:
    event = track(messageId="m", properties={"a": [1, {"b": "ü"}]}, context={"page": {"url": "/?"}})
    body = bytearray(json.dumps({"batch": [event, event], "sentAt": NOW.isoformat()}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    response = fuzzed.post("/v1/batch", bytes(body[:cut]) if cut % 3 == 0 else bytes(body))

    assert response.status_code in {200, 400}, response.content


@pytest.fixture
def fuzzed(sending: Any) -> Sending:
    source: Sending = sending(kind="server", rate_per_s=100_000)
    return source
