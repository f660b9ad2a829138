"""Statements on Postgres that an answer waits for: time-boxed from our side of the wire.

A stopped server answers nothing, so its own statement timeout never fires: the connection is
asynchronous and given up when the box is over. After a failure the circuit stays open for a
second. The connection is this thread's own and always in autocommit: it sees what is committed.
"""

import os
import select
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg2
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg2 import extensions

BOX_S = 0.15
LONGEST_BOX_S = 0.5  # of what the server's own timeout allows; a longer box says so itself
OPEN_CIRCUIT_S = 1.0

_local = threading.local()
_broken_until = 0.0


class RecordAway(Exception):
    """Postgres did not answer within the box."""


def rows(sql: str, parameters: Sequence[object] = (), *, box_s: float = BOX_S) -> list[Any]:
    """Run one statement and return its rows, no rows for one that returns none.

    A connection that died while it was idle (the server was restarted) is replaced once. For a box
    longer than LONGEST_BOX_S the server's own timeout is raised, for this statement alone.

    Raises:
        RecordAway: no answer within `box_s`, or none within the last second.
    """
    if time.monotonic() < _broken_until:
        raise RecordAway
    deadline = time.monotonic() + box_s
    if box_s > LONGEST_BOX_S:
        sql = f"SET LOCAL statement_timeout = {int(box_s * 1000)};{sql}"
    is_reused = _held() is not None
    try:
        return _rows(sql, parameters, deadline)
    except (psycopg2.DataError, psycopg2.ProgrammingError):
        close()
        raise  # our statement is wrong, the server is well
    except (psycopg2.Error, OSError) as error:
        close()
        if is_reused and not isinstance(error, TimeoutError):
            return _once_more(sql, parameters, deadline)
        _open_circuit()
        raise RecordAway from error


def _once_more(sql: str, parameters: Sequence[object], deadline: float) -> list[Any]:
    try:
        return _rows(sql, parameters, deadline)
    except (psycopg2.Error, OSError) as error:
        close()
        _open_circuit()
        raise RecordAway from error


def _rows(sql: str, parameters: Sequence[object], deadline: float) -> list[Any]:
    connection = _held() or _connection(deadline)
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    _wait(connection, deadline)
    return cursor.fetchall() if cursor.description is not None else []


def _held() -> Any:
    found = getattr(_local, "connection", None)
    return None if found is None or found.closed else found


def _connection(deadline: float) -> Any:
    # Of the settings only: Django's own connection, maybe inside a transaction, stays untouched.
    entry = connections[DEFAULT_DB_ALIAS].settings_dict
    made = psycopg2.connect(
        dbname=entry["NAME"],
        user=entry["USER"] or None,
        password=entry["PASSWORD"] or None,
        host=entry["HOST"] or None,
        port=entry["PORT"] or None,
        options=f"-c statement_timeout={int(LONGEST_BOX_S * 1000)}",
        application_name="attune hot reads",
        async_=True,
    )
    _local.connection = made
    _wait(made, deadline)
    return made


def _wait(connection: Any, deadline: float) -> None:
    """Drive an asynchronous connection until it is idle or the box is over."""
    while (state := connection.poll()) != extensions.POLL_OK:
        left_ms = (deadline - time.monotonic()) * 1000
        if left_ms <= 0:
            raise TimeoutError
        poller = select.poll()
        reading = state == extensions.POLL_READ
        poller.register(connection.fileno(), select.POLLIN if reading else select.POLLOUT)
        poller.poll(left_ms)


def _open_circuit() -> None:
    global _broken_until
    _broken_until = time.monotonic() + OPEN_CIRCUIT_S


def close_circuit() -> None:
    """Try again at once (in tests)."""
    global _broken_until
    _broken_until = 0.0


def close() -> None:
    """Close this thread's connection; the next statement makes a new one."""
    found = getattr(_local, "connection", None)
    if found is not None:
        _local.connection = None
        found.close()


def _forget_after_fork() -> None:
    global _local
    _local = threading.local()


os.register_at_fork(after_in_child=_forget_after_fork)
