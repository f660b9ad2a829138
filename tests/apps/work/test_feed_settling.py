"""The feed is followed without waiting for writers, and without passing one by."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from django.db import connection

from apps.work.feed import Settling

_WRITE = """
INSERT INTO work_changefeed (site_id, at, kind, payload)
VALUES (gen_random_uuid(), now(), 'test.line', '{}') RETURNING id
"""


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Any]:
    """A session of somebody else."""
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "client_encoding"):
        parameters.pop(name, None)
    session = psycopg2.connect(**parameters)
    yield session
    session.close()


def write(session: Any) -> int:
    with session.cursor() as cursor:
        cursor.execute(_WRITE)
        return int(cursor.fetchone()[0])


def test_a_line_that_is_not_committed_holds_back_those_after_it(writer: Any) -> None:
    following = Settling()
    before = following.look()
    first = write(writer)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE)
        second = int(cursor.fetchone()[0])
    assert second > first
    assert following.look() == before
    writer.commit()
    assert following.look() >= second


def test_new_writers_do_not_hold_back_what_was_drawn_before_them(writer: Any) -> None:
    following = Settling()
    write(writer)
    writer.commit()
    settled = following.look()
    write(writer)
    assert following.look() == settled
    writer.rollback()
    third = write(writer)
    # Another transaction writes by now; those of before are gone.
    assert settled < following.look() < third
    writer.rollback()
    assert following.look() >= third


def test_where_nobody_writes_it_is_at_the_end_at_once(writer: Any) -> None:
    number = write(writer)
    writer.commit()
    assert Settling().look() == number
