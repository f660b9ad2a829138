"""Statements that each connection plans once: planning a small one costs several times its work."""

import threading
from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg2 import errors


class Prepared:
    """One statement on the driver's own cursor, prepared on each connection at its first use there.

    A pooler that hands a session's statements to many servers forgets prepared ones: from the first
    such sign on the process sends the statement itself. Errors are Django's.
    """

    def __init__(self, name: str, statement: str, types: Sequence[str]) -> None:
        """`statement` has a %s for each of `types`, in order; `name` is unique to it."""
        pieces = statement.split("%s")
        assert len(pieces) == len(types) + 1, (
            f"{name}: {len(pieces) - 1} places, {len(types)} types"
        )
        numbered = "".join(f"{piece}${n}" for n, piece in enumerate(pieces[:-1], start=1))
        self._statement = statement
        self._prepare = f"PREPARE {name} ({', '.join(types)}) AS {numbered}{pieces[-1]}"
        self._execute = f"EXECUTE {name} ({', '.join(['%s'] * len(types))})"
        self._is_possible = True
        self._thread = threading.local()  # .on: the connection of this thread that has it

    def fetch_row(self, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the first row of the answer."""
        connection.ensure_connection()
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            # Inside a transaction a failed EXECUTE could not be made good.
            if self._is_possible and not connection.in_atomic_block:
                try:
                    if getattr(self._thread, "on", None) is not connection.connection:
                        cursor.execute(self._prepare)
                        self._thread.on = connection.connection
                    cursor.execute(self._execute, parameters)
                    return cursor.fetchone()  # type: ignore[no-any-return]  # untyped driver
                except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement):
                    self._is_possible = False
            cursor.execute(self._statement, parameters)
            return cursor.fetchone()  # type: ignore[no-any-return]  # untyped driver
