"""A process or a store that is not there stands on the home page and in the figures."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client

from apps.studio.domain import problems
from apps.studio.types import Processes
from apps.work import alive
from apps.work import redis as work_redis
from tests.apps.studio.conftest import Shop
from tests.apps.studio.test_home import page_of, root

__all__ = ["root"]


@pytest.fixture
def away(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "unix:///nonexistent/socket"
    work_redis.reset()
    yield
    work_redis.reset()


def speak(valkey: "redis.Redis", *roles: str) -> None:
    """Have processes of these roles live, on a server that runs for a while."""
    for role in roles:
        alive.Voice(role).say()
    valkey.set(alive._SINCE, int(time.time()) - 600)


def test_a_dead_consumer_stands_on_the_home_page(
    valkey: "redis.Redis", shop: Shop, root: Client
) -> None:
    speak(valkey, "web", "stream", "worker", "beat")

    page = page_of(root)

    assert "No consumer process runs" in page
    assert "<code>python manage.py consume</code>" in page
    assert "No worker process runs" not in page


def test_with_everybody_there_nothing_is_said(
    valkey: "redis.Redis", shop: Shop, root: Client
) -> None:
    speak(valkey, *alive.ROLES)

    page = page_of(root)

    assert "process runs" not in page
    assert "1 consumer, 1 worker, 1 beat" in page


@pytest.mark.parametrize("role", ["stream", "consumer", "worker", "beat"])
def test_each_role_that_is_missing_is_told_with_what_to_type(role: str) -> None:
    alive_ = {name: int(name != role) for name in alive.ROLES}

    [found] = problems.of_processes(Processes(alive_, has_redis=True, is_settled=True))

    assert found.text.startswith(f"No {role} process runs") and found.command


def test_after_a_start_of_redis_nobody_is_missed_yet() -> None:
    silent = Processes(dict.fromkeys(alive.ROLES, 0), has_redis=True, is_settled=False)
    assert list(problems.of_processes(silent)) == []


def test_redis_that_does_not_answer_stands_on_the_home_page(
    valkey: "redis.Redis", shop: Shop, root: Client, away: None
) -> None:
    assert "Redis does not answer" in page_of(root)


def test_figures_say_how_many_live(valkey: "redis.Redis", shop: Shop, client: Client) -> None:
    speak(valkey, "web", "consumer")

    text = client.get("/metrics").content.decode()

    assert 'attune_processes{role="consumer"} 1.0' in text
    assert 'attune_processes{role="beat"} 0.0' in text
