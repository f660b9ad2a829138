"""Waiting for writers: those of this database, and of no other of the same server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.db import connection
from psycopg2 import sql

from apps.work.writers import wait_for_older

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def connected(database: str) -> Iterator[Any]:
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters["dbname"] = database
    other = psycopg2.connect(**parameters)
    try:
        yield other
    finally:
        other.close()


@pytest.fixture
def neighbour() -> Iterator[str]:
    """Another database of the same server."""
    name = f"neighbour_{uuid4().hex[:8]}"
    with connected("postgres") as maintenance:
        maintenance.autocommit = True
        with maintenance.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            yield name
            cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def own_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        number: int = cursor.fetchone()[0]
    return number


def begin_to_write(other: Any) -> None:
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")


def test_a_writer_that_began_before_is_waited_for():
    with connected(connection.settings_dict["NAME"]) as other:
        begin_to_write(other)
        later = own_transaction()
        assert not wait_for_older(later, 0.2)
        other.commit()
        assert wait_for_older(later, 5)


def test_one_that_began_afterwards_is_not():
    own = own_transaction()
    with connected(connection.settings_dict["NAME"]) as other:
        begin_to_write(other)
        assert wait_for_older(own, 5)


def test_a_writer_of_another_database_is_not(neighbour: str):
    with connected(neighbour) as other:
        begin_to_write(other)
        assert wait_for_older(own_transaction(), 5)
