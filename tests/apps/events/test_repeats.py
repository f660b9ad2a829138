"""What was just stored is known without a look at the database, and nothing else is."""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from apps.events import repeats
from tests.apps.events.conftest import Sending, track

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def is_in_the_table() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_dedupekey")
        return bool(cursor.fetchone()[0])


def forget_in_the_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_dedupekey")


def test_a_batch_that_is_sent_again_asks_nobody_what_is_new(server: Sending) -> None:
    events = [track(), track()]
    server.batch(*events)
    forget_in_the_table()

    answer = server.batch(*events)

    assert (answer["accepted"], answer["duplicates"]) == (0, 2)
    assert not is_in_the_table()
    assert server.batch(*events, track())["accepted"] == 1


def test_on_a_new_connection_the_database_is_asked(server: Sending) -> None:
    event = track()
    server.batch(event)
    forget_in_the_table()
    connection.close()

    assert server.batch(event)["accepted"] == 1
    assert server.batch(event)["duplicates"] == 1


def test_what_was_rolled_back_is_not_known(server: Sending) -> None:
    event = track()
    with transaction.atomic():
        assert server.batch(event)["accepted"] == 1
        transaction.set_rollback(True)

    assert server.batch(event)["accepted"] == 1


def test_it_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "KEPT", 2)
    connection.ensure_connection()
    for number in range(7):
        repeats.remember([str(number)])

    known = [number for number in range(7) if repeats.is_known(str(number))]
    assert known[-2:] == [5, 6] and len(known) <= 4
