"""Fixtures for the whole suite. Servers are started by launcher/pytest_servers.py."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import redis
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from apps.decisions import hot_wire, record_reads
from apps.decisions import services as decisions
from apps.delivery import exposure_log
from apps.pipeline import bounds
from apps.predictions import online
from apps.recommendations import selectors as recommendations
from apps.work import redis as redis_door
from tests.emptying import Emptier

A_DAY_MS = 86_400_000
# Everybody's run draws the same examples: a change is judged by what it changes. ATTUNE_RANDOM=1
# draws others each time.
hypothesis.settings.register_profile("same", derandomize=True)
if "ATTUNE_RANDOM" not in os.environ:
    hypothesis.settings.load_profile("same")
# The hot path gives servers so many seconds before it goes on without them. On a busy machine that
# is less than they need now and then, and a test that asks for content would get a default.
PATIENCE_S = 0.9  # the hot path takes no whole seconds
PATIENCE = (
    (redis_door, "CONNECT_TIMEOUT_S"),
    (redis_door, "READ_TIMEOUT_S"),
    (hot_wire, "TIMEOUT_S"),
    (record_reads, "BOX_S"),
    (record_reads, "LONGEST_BOX_S"),
)
READ_DEFAULTS = record_reads.rows.__kwdefaults__ or {}
REAL_PATIENCE_S = [getattr(module, name) for module, name in PATIENCE]
USES_DATABASE = {"db", "transactional_db", "django_db_setup", "live_server", "valkey"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes none is still at a long file when the others are done."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what no browser has looked at."""
    skipped = terminalreporter.stats.get("skipped", [])
    blind = [one for one in skipped if "No Chromium: " in str(one.longrepr)]
    if blind:
        terminalreporter.write_line(f"Browser tests skipped for want of a Chromium: {len(blind)}")


@pytest.fixture(scope="session")
def valkey_client() -> Iterator["redis.Redis"]:
    """One connection to the run's own Valkey; refuses a server that already holds keys.

    The tests empty the database that they use, and REDIS_URL may name one of yours.
    """
    client = redis.Redis.from_url(settings.REDIS_URL)
    if client.dbsize():
        pytest.exit(
            f"{settings.REDIS_URL} holds keys, and tests would delete them: name an empty one."
        )
    yield client
    client.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Emptier]:
    """The test database, and who empties it; other sessions end before it is dropped."""
    with django_db_blocker.unblock():
        emptier = Emptier()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: emptier.empty())
        # A test that is rolled back is one transaction, and on a busy machine a long one.
        patch.setattr(bounds, "TRANSACTION_TIMEOUT_MS", A_DAY_MS)
        yield emptier
    # Threads that decisions start have connections of their own.
    for stop in (decisions.stop_background, exposure_log.stop, online.stop, recommendations.stop):
        stop()
    with django_db_blocker.unblock():
        emptier.close()


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """Servers have more time than in production; `real_patience` is for tests of that time."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in PATIENCE:
            patch.setattr(module, name, PATIENCE_S)
        patch.setitem(READ_DEFAULTS, "box_s", PATIENCE_S)
        yield


@pytest.fixture
def real_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hot path gives to servers in production."""
    for (module, name), seconds in zip(PATIENCE, REAL_PATIENCE_S, strict=True):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setitem(READ_DEFAULTS, "box_s", record_reads.BOX_S)
    redis_door.reset()
    hot_wire.drop()
    record_reads.close()


@pytest.fixture
def valkey(valkey_client: "redis.Redis") -> "redis.Redis":
    """The run's Valkey, empty."""
    valkey_client.flushdb()
    return valkey_client


@pytest.fixture(autouse=True)
def _nothing_left_in_valkey(request: pytest.FixtureRequest) -> None:
    """Empty Valkey before each test with a database: what it held speaks of rows that are gone."""
    if USES_DATABASE.intersection(request.fixturenames) or request.node.get_closest_marker(
        "django_db"
    ):
        request.getfixturevalue("valkey")
