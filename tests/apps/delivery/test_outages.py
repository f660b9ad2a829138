"""What visitors get when a server is away, and that it heals by itself."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from django.db import connections

from apps.content import services as content
from apps.content.selectors import find_variant
from apps.decisions import (
    announcing,
    generation,
    hot_rows,
    hot_state,
    hot_wire,
    record_reads,
    records,
    watch,
)
from apps.decisions import services as decisions
from apps.decisions.models import HotGeneration
from apps.work import redis as work_redis
from tests.apps.delivery.conftest import NOW, World, forget_everything, inside

NOWHERE = "/nonexistent"
Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def known(world: World) -> World:
    """A site whose visitor a1 looks at blouses, warm in Redis and in this process."""
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    assert world.hero_of("a1")["variant"] == "blouses"
    return world


@pytest.fixture
def redis_away(settings) -> Away:
    return lambda: _redis_at(settings, f"unix://{NOWHERE}/redis.sock")


@contextmanager
def _redis_at(settings, url: str) -> Iterator[None]:
    there = settings.REDIS_URL
    settings.REDIS_URL = url
    try:
        yield
    finally:
        settings.REDIS_URL = there
        hot_wire.close_circuit()
        work_redis.reset()


@contextmanager
def postgres_at(host: str) -> Iterator[None]:
    """Only the reads that an answer waits for: what is written needs the real one."""
    entry = connections["default"].settings_dict
    there = entry["HOST"]
    entry["HOST"] = host
    record_reads.close()
    try:
        yield
    finally:
        entry["HOST"] = there
        record_reads.close_circuit()


def test_redis_away_is_answered_from_postgres_personalized(known: World, redis_away: Away):
    with redis_away():
        hero = known.hero_of("a1")
        assert (hero["variant"], hero["reason"]) == ("blouses", "TARGETING_MATCH")
    assert known.hero_of("a1")["variant"] == "blouses"


def test_redis_away_in_a_new_process_is_answered_too(known: World, redis_away: Away):
    forget_everything()
    with redis_away():
        assert known.hero_of("a1")["variant"] == "blouses"


def test_redis_emptied_is_rebuilt_by_reading(known: World, valkey):
    valkey.flushdb()
    assert known.hero_of("a1")["variant"] == "blouses"
    assert known.hero_of("nobody")["variant"] == "everyone"
    with postgres_at(NOWHERE):
        assert known.hero_of("a1")["variant"] == "blouses"  # it was written back


def test_postgres_away_is_answered_from_the_last_snapshot_and_hot_state(known: World):
    with postgres_at(NOWHERE):
        assert known.hero_of("a1")["variant"] == "blouses"
        stranger = known.hero_of("never seen")
        assert (stranger["variant"], stranger["reason"]) == ("everyone", "ERROR")
    assert known.hero_of("never seen")["reason"] == "DEFAULT"


def test_both_away_is_the_default_and_still_200(known: World, redis_away: Away):
    with redis_away(), postgres_at(NOWHERE):
        hero = known.hero_of("a1")
        assert (hero["variant"], hero["reason"]) == ("everyone", "ERROR")
    assert known.hero_of("a1")["variant"] == "blouses"


def test_a_new_process_with_postgres_away_has_nothing_to_show_and_says_so(known: World):
    forget_everything()
    with postgres_at(NOWHERE):
        answer = known.ask("home.hero", anonymousId="a1")
        assert answer["placements"]["home.hero"] == {
            "reason": "ERROR", "code": "unavailable", "trace": None,
        }  # fmt: skip
    assert known.hero_of("a1")["variant"] == "blouses"


def test_a_restart_of_postgres_is_not_noticed_by_the_next_miss(known: World):
    known.hero_of("somebody new")
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'attune hot reads' AND datname = current_database()"
        )
    assert known.hero_of("somebody else")["reason"] == "DEFAULT"


class Deaf:
    """A server that accepts connections and never says a word, as a stopped process does."""

    def __init__(self, path: Path, server: socket.socket) -> None:
        self.path = path
        self._server = server
        server.bind(str(path))
        server.listen(64)
        server.setblocking(False)

    def calls(self) -> int:
        """How many have called since this was asked last."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._server.accept()[0].close()
                count += 1
        return count


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    with TemporaryDirectory(prefix="deaf-") as folder, socket.socket(socket.AF_UNIX) as server:
        yield Deaf(Path(folder) / ".s.PGSQL.5432", server)  # a socket's path must be short


def test_servers_that_hang_cost_an_answer_no_more_than_their_time_box(
    known: World, real_patience, deaf, settings
):
    with _redis_at(settings, f"unix://{deaf.path}"), postgres_at(str(deaf.path.parent)):
        start = time.monotonic()
        hero = known.hero_of("a1")
        first_s = time.monotonic() - start
        assert hero["reason"] == "ERROR"
        assert deaf.calls() > 0
        known.hero_of("a1")
        assert deaf.calls() == 0  # the circuits are open
    assert first_s < hot_wire.TIMEOUT_S * 3 + record_reads.BOX_S * 2 + 0.2
    assert known.hero_of("a1")["variant"] == "blouses"


def test_a_publication_whose_announcement_was_lost_is_served_after_the_next_look(
    known: World, redis_away: Away
):
    with redis_away():
        known.segment("later")
        number = known.publish().number
    assert number == 2
    assert known.ask("home.hero")["snapshot"] == 1
    watch.look()
    assert known.ask("home.hero")["snapshot"] == 2
    key = announcing.publication_key(known.site.pk.hex)
    assert hot_wire.ask(hot_wire.command("GET", key), 1) == [b"2"]


def test_a_generation_whose_announcement_was_lost_is_heard_of_at_the_next_look(known: World):
    believed = generation.current()
    generation.raise_in_transaction()  # by a process that died after its commit
    generation._known = believed
    hot_wire.wire().is_fresh = False
    watch.look()
    assert generation.current() == believed + 1


def test_what_a_writer_without_redis_left_behind_is_not_believed_by_anybody(
    known: World, redis_away: Away
):
    believed = generation.current()
    row = hot_state.hot_profiles_of([profile_of(known, "a1")])[0]
    with redis_away():  # another process commits and cannot mark: it raises the generation
        known.change(UUID(bytes=row.profile_id), memberships=b"")
    number = HotGeneration.objects.get().generation
    announcing.raise_number(generation.KEY, number)
    generation._known = believed  # this one was never away, and has heard of nothing
    hot_wire.wire().is_fresh = False
    assert known.hero_of("a1")["variant"] == "everyone"


def profile_of(world: World, anonymous_id: str) -> UUID:
    found = hot_rows.by_identity(world.site.pk, [("anonymous_id", anonymous_id)])
    return UUID(bytes=found[0].profile.profile_id)


def test_decisions_outlive_a_decision_log_that_cannot_write(known: World, monkeypatch):
    monkeypatch.setattr(records, "QUEUE_SIZE", 3)
    dropped = records.Counts.dropped
    records._queue.clear()
    for _ in range(5):
        known.hero_of("a1")
    assert len(records._queue) == 3
    assert records.Counts.dropped == dropped + 2


def test_rolling_back_serves_the_earlier_publication_under_a_new_number(known: World):
    variant = find_variant(known.site.pk, "hero", "everyone")
    assert variant is not None
    content.update_variant(variant_id=variant.pk, fields={"headline": "Changed"})
    assert known.publish().number == 2
    assert known.publish().number == 2  # unchanged: editors double-click
    assert known.hero_of("nobody")["fields"]["headline"] == "Changed"
    back = decisions.rollback(site_id=known.site.pk, number=1, actor=None, now=NOW)
    assert (back.number, back.restores) == (3, 1)
    assert known.hero_of("nobody")["fields"]["headline"] == "Welcome"
