"""The test database emptied after a test that committed: of what was written, and of nothing else.

Django's flush truncates every table, whether it holds rows or not, and writes permissions, roles
and schedules again. Here rows are deleted where there are some, and what migrations wrote is only
looked at; flush runs once, and again when a test has changed that.
"""

import threading
import time

import psycopg2
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import connection

# Tables that migrations made by hand: Django's flush does not know them.
HAND_MADE = (
    "events_event, events_inbox, events_dedupekey, events_rollupsite,"
    " events_rollupmeasure, events_rollup, events_rollupspan, events_rollupmark,"
    " events_featuresite, events_featuremark, predictions_featureday, predictions_featurewords"
)
FEW = 1_000  # rows; above, TRUNCATE is cheaper than DELETE
# A thread or a process that a test left behind, in the middle of a transaction.
WAITS_FOR_WRITERS = "30s"
WAITS_FOR_ANSWERS_S = 30.0
WAITS_FOR_SESSIONS_S = 20.0

_TABLES = """
SELECT quote_ident(relname) FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
  AND relname <> 'django_migrations' ORDER BY relname
"""


class Answering:
    """The threads that are answering a request of a live server, which may write between two
    transactions: what a page asked for last may still be worked on when its browser has left."""

    def __init__(self) -> None:
        """Begin to follow them."""
        self._threads: set[threading.Thread] = set()
        request_started.connect(self._begun)
        request_finished.connect(self._ended)

    def wait(self) -> None:
        """Return once none but the caller is in the middle of a request."""
        deadline = time.monotonic() + WAITS_FOR_ANSWERS_S
        while self._others() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _others(self) -> bool:
        mine = threading.current_thread()
        return any(one is not mine and one.is_alive() for one in tuple(self._threads))

    def _begun(self, **_: object) -> None:
        self._threads.add(threading.current_thread())

    def _ended(self, **_: object) -> None:
        self._threads.discard(threading.current_thread())


class Emptier:
    """Empties one database, over a session of its own; call `close` before the database is dropped.

    Its user must be a superuser: constraints and triggers are left out, the ledger's own among
    them. For another user each call is Django's flush.
    """

    def __init__(self) -> None:
        """Open the session."""
        self._session = psycopg2.connect(**connection.get_connection_params())
        self._is_free = self._session.info.parameter_status("is_superuser") == "on"
        self._cursor = self._session.cursor()
        self._answering = Answering()
        self._emptied: list[str] = []
        self._left: dict[str, int] = {}
        if self._is_free:
            self._cursor.execute(
                "SET session_replication_role = replica; SET synchronous_commit = off;"
                f" SET lock_timeout = '{WAITS_FOR_WRITERS}'"
            )
            self._session.commit()

    def empty(self) -> None:
        """Leave the database as migrations left it, without the rows that they moved in."""
        self._answering.wait()
        if not self._emptied or not self._delete():
            with connection.cursor() as cursor:
                cursor.execute("SET attune.emptying = 'on'")  # ledgers refuse it otherwise
                call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
                cursor.execute(f"TRUNCATE {HAND_MADE}; RESET attune.emptying")
            if self._is_free:
                self._look()

    def close(self) -> None:
        """End the session, after those of processes that tests killed: Postgres notices later."""
        connection.close()
        deadline = time.monotonic() + WAITS_FOR_SESSIONS_S
        while self._others() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._session.close()

    def _others(self) -> int:
        """How many other sessions of clients the database has."""
        with self._session:
            self._cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            return int(self._cursor.fetchone()[0])

    def _look(self) -> None:
        """See what an emptied database holds, and prepare to compare with it."""
        with self._session:
            self._cursor.execute(_TABLES)
            tables = [name for (name,) in self._cursor.fetchall()]
            self._cursor.execute(" UNION ALL ".join(_count(name) for name in tables))
            holding = {name for name, rows in self._cursor.fetchall() if rows}
            self._emptied = [name for name in tables if name not in holding]
            parts = [_count(name) for name in self._emptied]
            parts += [_content(name) for name in sorted(holding)]
            self._cursor.execute("DEALLOCATE ALL")
            self._cursor.execute(f"PREPARE held AS {' UNION ALL '.join(parts)}")
            self._left = {name: self._held()[name] for name in holding}

    def _delete(self) -> bool:
        """Delete all rows but those that migrations wrote; False when those were changed."""
        with self._session:
            # As TRUNCATE does, wait for whoever is still writing: the next test would find it.
            locked = ", ".join(self._emptied)
            self._cursor.execute(f"LOCK TABLE {locked} IN SHARE ROW EXCLUSIVE MODE")
            held = self._held()
            written = {name: held[name] for name in self._emptied if held[name]}
            statements = [f"DELETE FROM {name}" for name, rows in written.items() if rows <= FEW]
            if many := [name for name, rows in written.items() if rows > FEW]:
                statements.append(f"TRUNCATE {', '.join(many)} CASCADE")
            if statements:
                self._cursor.execute(";".join(statements))
            # After CASCADE, which goes where it wants.
            now = self._held() if many else held
            return all(now[name] == content for name, content in self._left.items())

    def _held(self) -> dict[str, int]:
        """Rows of each table that was empty, at most FEW + 1; a hash of each other table."""
        self._cursor.execute("EXECUTE held")
        return dict(self._cursor.fetchall())


def _count(table: str) -> str:
    return f"SELECT '{table}', count(*) FROM (SELECT FROM {table} LIMIT {FEW + 1}) AS found"


def _content(table: str) -> str:
    return f"SELECT '{table}', sum(hashtextextended(one::text, 0)) FROM {table} AS one"
