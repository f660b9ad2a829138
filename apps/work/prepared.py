"""Statements that each connection plans once: planning a small one costs several times its work.

A plan is made for the tables as they are, and kept; a table that was empty then may hold a hundred
thousand rows before Postgres has new statistics of it. So plans are made anew every few seconds.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from psycopg2 import errors

KEPT_S: Final = 5.0
# What a server says of a prepared statement that it does not know, or knows already: a pooler has
# handed the session's statements to several servers.
_POOLED: Final = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)

Row = tuple[Any, ...]


class _Thread(threading.local):
    """What this thread's connection has prepared, and since when (monotonic)."""

    def __init__(self) -> None:
        self.connection: object = None
        self.since: dict[str, float] = {}
        self.missed: dict[str, Prepared] = {}  # were asked for inside a transaction


_thread: Final = _Thread()
_is_possible = True


class Prepared:
    """One statement on the driver's own cursor. Errors are Django's.

    Inside a transaction it runs prepared only where it was prepared before (`get_ready`): a failed
    EXECUTE could not be made good there. From the first sign of a pooler on the process sends every
    statement itself.
    """

    def __init__(self, name: str, statement: str, types: Sequence[str]) -> None:
        """`statement` has a %s for each of `types`, in order; `name` is unique to it."""
        pieces = statement.split("%s")
        assert len(pieces) == len(types) + 1, (
            f"{name}: {len(pieces) - 1} places, {len(types)} types"
        )
        numbered = "".join(f"{piece}${n}" for n, piece in enumerate(pieces[:-1], start=1))
        self._name = name
        self._statement = statement
        self._prepare = f"PREPARE {name} ({', '.join(types)}) AS {numbered}{pieces[-1]}"
        self._deallocate = f"DEALLOCATE {name};"
        self._execute = f"EXECUTE {name} ({', '.join(['%s'] * len(types))})"

    def fetch_row(self, parameters: Sequence[Any]) -> Row | None:
        """Return the first row of the answer."""
        return next(iter(self.fetch(parameters)), None)

    def fetch(self, parameters: Sequence[Any]) -> list[Row]:
        """Return the rows of the answer, none for a statement that has no answer."""
        connection.ensure_connection()
        if self._is_ready():
            with connection.wrap_database_errors, connection.connection.cursor() as cursor:
                try:
                    cursor.execute(self._execute, parameters)
                    return _rows(cursor)
                except _POOLED:
                    _give_up()
                    if connection.in_atomic_block:
                        raise
        with connection.cursor() as cursor:
            cursor.execute(self._statement, parameters)
            return _rows(cursor)

    def make_ready(self) -> None:
        """Prepare it on this thread's connection, outside a transaction."""
        # Not known until it is there again: of two statements in one the first is undone with the
        # second, or not, where the table is locked or the connection cut.
        is_there = _thread.since.pop(self._name, None) is not None
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            try:
                try:
                    cursor.execute(self._deallocate * is_there + self._prepare)
                except errors.InvalidSqlStatementName:
                    cursor.execute(self._prepare)
                except errors.DuplicatePreparedStatement:
                    cursor.execute(self._deallocate + self._prepare)
            except _POOLED:
                _give_up()
            else:
                _thread.since[self._name] = time.monotonic()

    def _is_ready(self) -> bool:
        if not _is_possible:
            return False
        if _thread.connection is not connection.connection:
            _thread.connection = connection.connection
            _thread.since.clear()
        since = _thread.since.get(self._name)
        if connection.in_atomic_block:
            if since is None:
                _thread.missed[self._name] = self
            return since is not None
        if since is None or time.monotonic() - since > KEPT_S:
            self.make_ready()
        return _is_possible


def get_ready() -> None:
    """Before a transaction: prepare what was asked for inside of this thread's earlier ones."""
    for statement in tuple(_thread.missed.values()):
        connection.ensure_connection()
        statement._is_ready()


def _rows(cursor: Any) -> list[Row]:
    return [] if cursor.description is None else cursor.fetchall()


def _give_up() -> None:
    global _is_possible
    _is_possible = False
