"""Statements that a connection plans once: as good as sent ones, wherever they run."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, transaction

from apps.work import prepared
from apps.work.prepared import Prepared

pytestmark = pytest.mark.django_db(transaction=True)

NEXT = Prepared(
    "test_next", "SELECT n + 1, %s::text FROM generate_series(1, %s) n", ("text", "int")
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection that has prepared nothing, of a process that has met no pooler."""
    connection.close()
    monkeypatch.setattr(prepared, "_is_possible", True)
    prepared._thread.missed.clear()
    yield
    prepared._thread.missed.clear()
    connection.close()


def known() -> dict[str, object]:
    """What this connection has prepared: name -> when."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, prepare_time FROM pg_prepared_statements")
        return dict(cursor.fetchall())


def lose() -> None:
    """Do what a pooler does that hands the next statement to another server."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


def test_it_is_prepared_at_its_first_use_and_once() -> None:
    assert known() == {}
    assert NEXT.fetch(["a'b", 2]) == [(2, "a'b"), (3, "a'b")]
    first = known()
    assert NEXT.fetch_row(["", 1]) == (2, "")
    assert NEXT.fetch_row(["", 0]) is None
    assert known() == first and first.keys() == {"test_next"}


def test_another_connection_prepares_it_again() -> None:
    NEXT.fetch(["", 1])
    connection.close()
    assert NEXT.fetch(["", 1]) == [(2, "")]
    assert known().keys() == {"test_next"}


def test_a_plan_is_made_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    NEXT.fetch(["", 1])
    before = known()["test_next"]
    monkeypatch.setattr(prepared, "KEPT_S", 0.0)
    assert NEXT.fetch(["", 1]) == [(2, "")]
    assert known()["test_next"] != before


def test_inside_a_transaction_it_is_prepared_only_if_it_was_before() -> None:
    with transaction.atomic():
        assert NEXT.fetch(["", 1]) == [(2, "")]
        assert known() == {}
    prepared.get_ready()
    assert known().keys() == {"test_next"}
    with transaction.atomic():
        assert NEXT.fetch(["", 1]) == [(2, "")]


def test_what_a_pooler_has_lost_is_sent_from_then_on() -> None:
    NEXT.fetch(["", 1])
    lose()
    assert NEXT.fetch(["", 1]) == [(2, "")]
    assert NEXT.fetch(["", 1]) == [(2, "")]
    assert known() == {}


def test_a_transaction_that_meets_a_pooler_fails_as_one_to_repeat() -> None:
    NEXT.fetch(["", 1])
    with pytest.raises(OperationalError) as failed, transaction.atomic():
        lose()
        NEXT.fetch(["", 1])
    assert getattr(failed.value.__cause__, "pgcode", None) == "26000"
    with transaction.atomic():
        assert NEXT.fetch(["", 1]) == [(2, "")]


def test_a_table_that_is_locked_for_a_while_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE test_locked (n int)")
    other = connection.copy()
    try:
        counted = Prepared("test_locked", "SELECT count(*) FROM test_locked WHERE n > %s", ("int",))
        assert counted.fetch([0]) == [(0,)]
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE test_locked IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
        with monkeypatch.context() as soon, pytest.raises(OperationalError):
            soon.setattr(prepared, "KEPT_S", 0.0)
            counted.fetch([0])
        other.rollback()
        with transaction.atomic():
            assert counted.fetch([0]) == [(0,)]
        assert counted.fetch([0]) == [(0,)]
        assert "test_locked" in known()
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE test_locked")


def test_what_the_connection_has_unknown_to_the_thread_is_prepared_again() -> None:
    NEXT.fetch(["", 1])
    prepared._thread.since.clear()
    assert NEXT.fetch(["", 1]) == [(2, "")]
    assert prepared._is_possible and "test_next" in prepared._thread.since


def test_an_error_of_its_own_is_an_error_of_django_and_ends_nothing() -> None:
    wrong = Prepared("test_wrong", "SELECT 1 / %s", ("int",))
    with pytest.raises(Exception, match="division by zero"):
        wrong.fetch([0])
    assert wrong.fetch([1]) == [(1,)]
