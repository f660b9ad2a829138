"""The door to Redis when it is there, when it restarts and when it is away."""

import socket
import threading
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from apps.work import redis as door


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    door.reset()
    yield
    door.reset()


def test_an_exchange_returns_replies_in_order(valkey: Any) -> None:
    big = b"x" * 300_000
    replies = door.exchange(("SET", "a", big), ("GET", "a"), ("GET", "b"), ("INCR", "n"), ("GET",))
    assert replies[:4] == [b"OK", big, None, 1]
    assert isinstance(replies[4], redis.ResponseError)
    assert door.connection().get("n") == b"1"


def test_a_connection_closed_by_the_server_is_opened_again(valkey: Any) -> None:
    door.exchange(("PING",))
    door.connection().ping()
    valkey.client_kill_filter(_type="normal", skipme=True)
    assert door.exchange(("PING",)) == [b"PONG"]
    assert door.connection().ping()


def test_threads_have_lines_of_their_own(valkey: Any) -> None:
    seen: list[bool] = []

    def many(number: int) -> None:
        for turn in range(50):
            key, value = f"k{number}", f"{number}-{turn}".encode()
            seen.append(door.exchange(("SET", key, value), ("GET", key))[1] == value)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 200 and all(seen)


def test_an_outage_costs_one_failure_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path = f"{folder}/valkey.sock"
        monkeypatch.setattr("django.conf.settings.REDIS_URL", f"unix://{path}")
        door.reset()
        with pytest.raises(door.RedisAway):
            door.exchange(("PING",))
        server.bind(path)
        server.listen()
        for _ in range(100):
            with pytest.raises(door.RedisAway):
                door.exchange(("PING",))
            with pytest.raises(door.RedisAway):
                door.connection().get("a")
            with pytest.raises(door.RedisAway):
                door.connection().pipeline().get("a").execute()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()


def test_a_silent_server_is_given_up_within_the_timeout(valkey: Any, real_patience: None) -> None:
    door.exchange(("PING",))
    valkey.client_pause(1_500)
    start = time.monotonic()
    with pytest.raises(door.RedisAway):
        door.exchange(("SET", "a", 1))
    assert time.monotonic() - start < 1.2
    valkey.ping()  # it speaks again
    door.reset()
    assert door.exchange(("PING",)) == [b"PONG"]
