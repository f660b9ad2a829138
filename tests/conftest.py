"""Fixtures for the whole suite. Servers are started by launcher/pytest_servers.py."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection

from apps.decisions import record_reads

# Tables that migrations made by hand: Django's flush does not know them.
HAND_MADE = (
    "events_event, events_inbox, events_dedupekey, events_rollupsite,"
    " events_rollupmeasure, events_rollup, events_rollupspan, events_rollupmark"
)
USES_DATABASE = {"db", "transactional_db", "django_db_setup", "live_server", "valkey"}


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
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The test database; the hot path's own connection to it is closed before it is dropped."""
    yield
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


@pytest.fixture(autouse=True)
def _hand_made_tables_are_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty what migrations made by hand: Django's flush knows only its own tables."""
    marker = request.node.get_closest_marker("django_db")
    is_committing = marker is not None and marker.kwargs.get("transaction", False)
    if not (is_committing or "transactional_db" in request.fixturenames):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {HAND_MADE}")
