"""What intake does beside the calls: waking the consumer, writing counts."""

import select
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from apps.events import counters, wakeup
from apps.events.models import IntakeMinute
from tests.apps.events.conftest import Sending, track

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 5.0


@pytest.fixture
def busy(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The threads of a serving process, which let go of their connections soon."""
    monkeypatch.setattr(wakeup, "PAUSE_S", 0.05)
    monkeypatch.setattr(wakeup, "_IDLE_S", 0.05)
    monkeypatch.setattr(counters, "FLUSH_S", 0.01)
    before = other_sessions()
    settings.EVENTS_IN_BACKGROUND = True
    yield
    settings.EVENTS_IN_BACKGROUND = False
    # A session that stayed would keep the test database from being dropped.
    assert eventually(lambda: other_sessions() <= before)


def eventually(is_true: Callable[[], bool]) -> bool:
    """Ask until it is true, for a few seconds."""
    for _ in range(int(PATIENCE_S / 0.02)):
        if is_true():
            return True
        select.select([], [], [], 0.02)
    return False


def other_sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (count,) = cursor.fetchone()
        return int(count)


def test_the_consumer_is_woken_at_once_and_again_for_what_came_too_soon(
    server: Sending, busy: None
) -> None:
    listener = connection.copy()
    with listener.cursor() as cursor:
        cursor.execute(f"LISTEN {wakeup.CHANNEL}")
    assert listener.connection is not None
    heard = listener.connection.notifies

    def hears(count: int) -> bool:
        listener.connection.poll()
        return len(heard) >= count

    server.batch(track())
    assert eventually(lambda: hears(1))
    for _ in range(5):
        server.batch(track())
    assert eventually(lambda: hears(2))
    assert len(heard) < 6
    server.batch()
    listener.close()


def test_counts_are_written_by_themselves(server: Sending, busy: None) -> None:
    server.batch(track(), track(event=None))

    assert eventually(lambda: IntakeMinute.objects.filter(site=server.site).exists())
    assert server.counted() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 1,
        "without_consent": 0,
    }


def test_a_pooler_that_forgets_prepared_statements_is_put_up_with(server: Sending) -> None:
    from apps.work import prepared

    server.batch(track())
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    try:
        assert server.batch(track())["accepted"] == 1
        assert server.batch(track())["accepted"] == 1
    finally:
        prepared._is_possible = True
        connection.close()
