"""Rate limits against a real Valkey."""

from typing import Any

import msgspec
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.access import keys, limits
from apps.access.errors import RateLimited
from apps.access.http import authenticate
from apps.access.limits import check, enforce, enforce_address, limiter_commands
from apps.access.models import Source
from apps.access.types import Caller, Rates
from apps.work import redis as redis_door
from tests.apps.access.conftest import Access


@pytest.fixture
def caller(access: Access, factory: RequestFactory, valkey: object) -> Caller:
    return authenticate(factory.get("/", HTTP_X_API_KEY=access.publishable))


def limited(caller: Caller, *, key: int, address: int, burst: int = 1) -> Caller:
    return msgspec.structs.replace(caller, rates=Rates(key, address, burst))


def test_a_key_gets_its_burst_and_then_waits(caller: Caller) -> None:
    caller = limited(caller, key=1, address=100, burst=3)
    first = enforce(caller, "ingest")
    assert first == {"RateLimit-Policy": '"ingest";q=1;w=1', "RateLimit": '"ingest";r=1;t=1'}
    for _ in range(2):
        enforce(caller, "ingest")
    with pytest.raises(RateLimited) as refused:
        enforce(caller, "ingest")
    assert refused.value.headers["Retry-After"] == "1"
    assert refused.value.headers["RateLimit"] == '"ingest";r=0;t=1'
    with pytest.raises(RateLimited):
        enforce(caller, "decide")  # a key has one bucket for all routes


def test_one_address_cannot_use_up_the_key(caller: Caller) -> None:
    caller = limited(caller, key=10, address=1)
    enforce(caller, "ingest")
    with pytest.raises(RateLimited):
        enforce(caller, "ingest")
    elsewhere = msgspec.structs.replace(caller, address="203.0.113.9")
    assert enforce(elsewhere, "ingest")["RateLimit"] == '"ingest";r=0;t=1'


def test_servers_are_not_limited_by_address(caller: Caller) -> None:
    server = msgspec.structs.replace(limited(caller, key=10, address=1), kind="sk")
    for _ in range(5):
        enforce(server, "ingest")


def test_a_refused_request_is_not_charged(caller: Caller) -> None:
    strict = limited(caller, key=3, address=1)
    enforce(strict, "ingest")
    for _ in range(5):
        with pytest.raises(RateLimited):
            enforce(strict, "ingest")
    elsewhere = msgspec.structs.replace(strict, address="203.0.113.9")
    enforce(elsewhere, "ingest")  # the key's bucket still has tokens


def test_the_limiter_rides_in_a_pipeline(caller: Caller) -> None:
    caller = limited(caller, key=5, address=5)
    headers: dict[str, str] = {}
    for _ in range(2):  # the first finds no script in a fresh server, passes and loads it
        pipe = redis_door.connection().pipeline(transaction=False)
        pipe.get("nothing")
        limiter_commands(pipe, caller, "decide")
        nothing, reply = pipe.execute(raise_on_error=False)
        assert nothing is None
        headers = check(reply, caller, "decide")
    assert headers["RateLimit-Policy"] == '"decide";q=5;w=1'


def test_no_address_is_written_to_redis(caller: Caller, valkey: object) -> None:
    enforce(msgspec.structs.replace(caller, address="203.0.113.9"), "ingest")
    keys = redis_door.connection().keys("*")
    assert isinstance(keys, list) and keys
    assert not [key for key in keys if b"203.0.113" in key]


def test_without_redis_everything_passes(
    caller: Caller, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nonexistent/valkey.sock")
    redis_door.reset()
    caller = limited(caller, key=1, address=1)
    assert [enforce(caller, "ingest") for _ in range(3)] == [{}, {}, {}]


def test_what_no_key_guards_is_limited_by_address(
    factory: RequestFactory, valkey: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OPEN_PER_S", 1)
    monkeypatch.setattr(limits, "OPEN_BURST_S", 2)
    here = factory.get("/v1/content/x", REMOTE_ADDR="203.0.113.9")
    for _ in range(2):
        enforce_address(here, "content")
    with pytest.raises(RateLimited) as refused:
        enforce_address(here, "content")
    assert refused.value.headers == {
        "Retry-After": "1",
        "RateLimit-Policy": '"content";q=1;w=1',
        "RateLimit": '"content";r=0;t=1',
    }
    with pytest.raises(RateLimited):
        enforce_address(here, "fragments")  # one bucket for all of them
    enforce_address(factory.get("/", REMOTE_ADDR="203.0.113.10"), "content")
    enforce_address(factory.get("/", REMOTE_ADDR=""), "content")  # a socket has no address
    keys = redis_door.connection().keys("*")
    assert isinstance(keys, list) and keys
    assert not [key for key in keys if b"203.0.113" in key]


@pytest.mark.parametrize(
    "path",
    ["/v1/content/x?site=s", "/v1/fragments/x?site=s", "/v1/projects/pk_x/settings", "/v1/m"],
)
def test_each_open_route_is_limited(
    client: Client, access: Access, valkey: object, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(limits, "OPEN_PER_S", 1)
    monkeypatch.setattr(limits, "OPEN_BURST_S", 1)
    call = client.post if path == "/v1/m" else client.get
    assert call(path).status_code != 429
    answer = call(path)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer["Retry-After"] == "1"


REFUSED: list[tuple[str, object, int]] = [
    ("/v1/decide", {"placements": []}, 400),
    ("/v1/track", {"anonymousId": "a1"}, 400),
    ("/v1/batch", "{", 400),
    ("/ofrep/v1/evaluate/flags", "{", 400),
    ("/v1/segments", {}, 405),
    ("/v1/lists/x/uploads", {}, 403),
]


@pytest.mark.parametrize(("path", "body", "status"), REFUSED, ids=[path for path, *_ in REFUSED])
def test_a_refusal_is_charged_and_says_the_rate(
    client: Client, access: Access, valkey: object, path: str, body: object, status: int
) -> None:
    def refused() -> HttpResponse:
        return client.post(
            path, body, "application/json", headers={"X-API-Key": access.publishable}
        )

    answer = refused()
    assert answer.status_code == status
    if status == 405:  # nobody asked who it was
        assert "RateLimit" not in answer
        return
    assert answer["RateLimit-Policy"].endswith(";q=1000;w=1")
    Source.objects.update(rate_per_s=1, rate_per_address_s=1, burst_s=1)
    keys.announce()
    assert 429 in {refused().status_code for _ in range(3)} <= {status, 429}


def test_an_ipv6_address_shares_its_bucket_with_its_network(
    factory: RequestFactory, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OPEN_PER_S", 1)
    monkeypatch.setattr(limits, "OPEN_BURST_S", 1)
    enforce_address(factory.get("/", REMOTE_ADDR="2001:db8::1"), "content")
    with pytest.raises(RateLimited):
        enforce_address(factory.get("/", REMOTE_ADDR="2001:db8::2"), "content")
    enforce_address(factory.get("/", REMOTE_ADDR="2001:db8:0:1::1"), "content")
    narrow = limited(caller, key=100, address=1)
    enforce(msgspec.structs.replace(narrow, address="2001:db8::1"), "ingest")
    with pytest.raises(RateLimited):
        enforce(msgspec.structs.replace(narrow, address="2001:db8::2"), "ingest")


def test_who_names_keys_that_nobody_knows_is_stopped_before_the_record_is_asked(
    client: Client, access: Access, valkey: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNKNOWN_PER_S", 1)
    monkeypatch.setattr(limits, "UNKNOWN_BURST_S", 3)

    def ask(key: str, address: str = "203.0.113.9") -> Any:
        return client.post(
            "/v1/decide", {"placements": ["x"]}, "application/json",
            headers={"X-API-Key": key}, REMOTE_ADDR=address,
        )  # fmt: skip

    assert ask(access.publishable).status_code == 200  # is looked up, too
    assert [ask("pk_same").status_code for _ in range(4)] == [401] * 4  # only once
    told = [ask(f"pk_{number}") for number in range(4)]
    assert [one.status_code for one in told] == [401, 429, 429, 429]
    assert told[-1].headers["Retry-After"] == "1"
    with CaptureQueriesContext(connection) as asked:
        assert ask("pk_another").status_code == 429
    assert not asked.captured_queries
    assert ask(access.publishable).status_code == 200
    assert ask("pk_elsewhere", "203.0.113.10").status_code == 401


def test_who_names_sites_that_nobody_knows_is_stopped_before_the_record_is_asked(
    client: Client, access: Access, valkey: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNKNOWN_PER_S", 1)
    monkeypatch.setattr(limits, "UNKNOWN_BURST_S", 2)
    asked = [client.get(f"/v1/content/x?site=nobody-{number}").status_code for number in range(4)]
    assert asked == [404, 404, 429, 429]
