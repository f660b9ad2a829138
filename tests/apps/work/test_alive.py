"""Who lives is heard of; who is killed falls silent, and who ends in order is not missed."""

import os
import subprocess
import sys
import time
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from apps.work import alive
from apps.work import redis as work_redis
from launcher import processes
from launcher.home import PROJECT_ROOT

SPEAKER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
from django.conf import settings
settings.configure(REDIS_URL=sys.argv[1])
from apps.work import alive
alive.keep_saying("stream")
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _a_closed_circuit(valkey: "redis.Redis") -> None:
    work_redis.reset()


def begin_speaking() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", SPEAKER, django_settings.REDIS_URL], cwd=PROJECT_ROOT, env=os.environ
    )


def heard() -> alive.Heard:
    """On a busy machine an answer may be late, and then nobody is asked for a moment."""
    assert processes.wait_until(lambda: alive.heard() is not None, 10)
    found = alive.heard()
    assert found is not None
    return found


def streams() -> int:
    return heard().alive["stream"]


def test_a_process_that_lives_is_heard(valkey: "redis.Redis") -> None:
    alive.Voice("consumer").say()

    assert heard() == ({"web": 0, "stream": 0, "consumer": 1, "worker": 0, "beat": 0}, False)


def test_one_that_ends_in_order_is_not_missed(valkey: "redis.Redis") -> None:
    process = begin_speaking()
    try:
        assert processes.wait_until(lambda: streams() == 1, 10)
        process.terminate()
        process.wait(10)
        assert streams() == 0
    finally:
        process.kill()


def test_one_that_is_killed_falls_silent_within_half_a_minute(
    valkey: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    process = begin_speaking()
    try:
        assert processes.wait_until(lambda: streams() == 1, 10)
    finally:
        process.kill()
        process.wait()
    assert streams() == 1
    assert alive.SILENT_S <= 30

    monkeypatch.setattr(alive, "SILENT_S", 0)  # as if that time had gone by
    assert processes.wait_until(lambda: streams() == 0, 5)


def test_a_zero_counts_once_everybody_has_had_the_time_to_speak(valkey: "redis.Redis") -> None:
    voice = alive.Voice("web")
    voice.say()
    assert not heard().is_settled

    valkey.set(alive._SINCE, int(time.time()) - alive.SILENT_S - 1)

    found = heard()
    assert found.is_settled and found.alive["web"] == 1


def test_an_empty_redis_says_nothing_of_anybody(valkey: "redis.Redis") -> None:
    assert not heard().is_settled


def test_without_redis_nobody_is_heard_and_nobody_harmed(
    valkey: "redis.Redis", settings: Any
) -> None:
    settings.REDIS_URL = "unix:///nonexistent/socket"
    work_redis.reset()
    try:
        alive.Voice("web").say()
        assert alive.heard() is None
    finally:
        work_redis.reset()
