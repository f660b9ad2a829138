"""Rate limits against a real Valkey."""

import msgspec
import pytest
from django.test import RequestFactory

from apps.access.errors import RateLimited
from apps.access.http import authenticate
from apps.access.limits import check, enforce, limiter_commands
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
