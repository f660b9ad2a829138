"""A Postgres that stopped without closing its connections: requests get their threads back.

Such a server answers nothing, so its own timeouts never fire, and a statement that waits for it
would hold a web thread for as long as it stays stopped - decisions, too, have only so many threads.
One thread per web process looks after the others: when one waits long it asks the server a question
of its own, and without an answer cuts the connection of who waits, which that thread sees as one
that the server closed. Until the server answers again whatever could only wait fails at once.
"""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

import psycopg2
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

LIMIT_S: Final = 1.0  # far beyond any statement of a public call
LOOK_S: Final = 0.25
PROBE_S: Final = 2  # libpq knows whole seconds, and no fewer

_lock = threading.Lock()
_thread: threading.Thread | None = None
# thread -> when it began (monotonic), the seconds that it may wait unasked, its connection
_waiting: dict[int, tuple[float, float, BaseDatabaseWrapper]] = {}
_local = threading.local()
_is_away = False


def is_away() -> bool:
    """Whether Postgres has stopped answering and not begun again."""
    return _is_away


def require() -> None:
    """Fail like a connection that cannot be made while Postgres is away, only at once.

    Raises:
        OperationalError: Postgres has stopped answering.
    """
    if _is_away:
        raise OperationalError("Postgres does not answer.")


def begin(limit_s: float = LIMIT_S) -> None:
    """Watch this thread's database connection until `end`; be suspicious after `limit_s`."""
    record = getattr(_local, "record", None)
    if record is None:
        record = _local.record = connections[DEFAULT_DB_ALIAS]
    _waiting[threading.get_ident()] = (time.monotonic(), limit_s, record)
    if _thread is None:
        _start()


def end() -> None:
    """Watch this thread no longer."""
    _waiting.pop(threading.get_ident(), None)


def _start() -> None:
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="record-watch", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        time.sleep(LOOK_S)
        try:
            look()
        except Exception:
            logger.exception("record_watch.failed")


def look() -> None:
    """Ask the server when somebody waits long, cut who waits in vain, notice when it is back."""
    global _is_away
    now = time.monotonic()
    late = [
        (ident, watched)
        for ident, watched in list(_waiting.items())
        if now - watched[0] > (LOOK_S if _is_away else watched[1])
    ]
    if not late and not _is_away:
        return
    was_away, _is_away = _is_away, not _answers()
    if _is_away != was_away:
        logger.warning("record_watch.away" if _is_away else "record_watch.back")
    for ident, watched in late:
        if _waiting.get(ident) is not watched:
            continue  # it has ended meanwhile
        if _is_away:
            _cut(watched[2])
        else:  # slow work of a server that answers others is left to end
            _waiting[ident] = (now, watched[1], watched[2])


def _cut(record: BaseDatabaseWrapper) -> None:
    """End a connection under the thread that waits on it; libpq then sees it closed."""
    with suppress(OSError, psycopg2.Error, AttributeError):  # it ended by itself meanwhile
        line = socket.socket(fileno=os.dup(record.connection.fileno()))
        line.shutdown(socket.SHUT_RDWR)
        line.close()


def _answers() -> bool:
    entry: dict[str, Any] = connections[DEFAULT_DB_ALIAS].settings_dict
    try:
        psycopg2.connect(
            dbname=entry["NAME"],
            user=entry["USER"] or None,
            password=entry["PASSWORD"] or None,
            host=entry["HOST"] or None,
            port=entry["PORT"] or None,
            connect_timeout=PROBE_S,
            application_name="attune record watch",
        ).close()
    except psycopg2.Error:
        return False
    return True


def _forget_after_fork() -> None:
    global _thread, _local
    _thread = None
    _local = threading.local()
    _waiting.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
