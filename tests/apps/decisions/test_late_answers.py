"""A Redis that is late, not away: decisions go on without it, writers wait for it."""

import time

import pytest
import redis
from django.db import transaction

from apps.decisions import generation, hot_state, hot_wire
from apps.decisions.models import HotGeneration
from apps.work.redis import RedisAway
from tests.apps.decisions.test_hot_state import key, seen, state

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_patience")]

LATE_MS = 300  # longer than a decision waits, shorter than a writer does
PING = hot_wire.command("PING")


@pytest.fixture
def believed(valkey: redis.Redis) -> int:
    hot_state.publish([state(1)])
    return generation.current()


def test_a_late_answer_does_not_put_the_hot_state_of_everybody_out_of_reach(
    valkey: redis.Redis, believed: int
) -> None:
    valkey.execute_command("CLIENT", "PAUSE", LATE_MS)
    with transaction.atomic():
        hot_state.mark([key(2)])

    assert HotGeneration.objects.get().generation == believed
    assert seen() is None
    assert hot_state.publish([state(2)])
    assert seen() == 2


def test_a_mark_is_made_though_a_decision_has_just_given_up(
    valkey: redis.Redis, believed: int
) -> None:
    valkey.execute_command("CLIENT", "PAUSE", LATE_MS)
    with pytest.raises(RedisAway):
        hot_wire.ask(PING, 1)

    with transaction.atomic():
        hot_state.mark([key(2)])

    assert HotGeneration.objects.get().generation == believed
    assert seen() is None


def test_patience_ends_with_its_block(valkey: redis.Redis, believed: int) -> None:
    with hot_wire.patiently():
        pass
    valkey.execute_command("CLIENT", "PAUSE", LATE_MS)

    with pytest.raises(RedisAway):
        hot_wire.ask(PING, 1)


def test_only_the_first_writer_waits_for_a_redis_that_does_not_answer(
    valkey: redis.Redis, believed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot_wire, "PATIENCE_S", 1.0)
    valkey.execute_command("CLIENT", "PAUSE", 3_000)
    took = []
    for version in (2, 3):
        start = time.monotonic()
        with transaction.atomic():
            hot_state.mark([key(version)])
        hot_state.publish([state(version)])
        took.append(time.monotonic() - start)

    assert took[1] < hot_wire.PATIENCE_S <= took[0]
    assert HotGeneration.objects.get().generation > believed
