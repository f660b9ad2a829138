"""How long a thread's statements wait for a row that somebody else holds.

A thread that everybody waits for must not wait for one visitor's row: a consumer that was stopped
in the middle of a transaction holds some for a minute. A wait that is over is a refusal like any
of Postgres: 503 and `Retry-After`.
"""

import threading
from typing import Any

from django.db.backends.signals import connection_created

_local = threading.local()


def limit(seconds: float) -> None:
    """Let no statement of this thread wait longer for a lock; 0 lets it. Before it connects."""
    _local.wait_ms = round(seconds * 1000)


def _set(connection: Any, **_: Any) -> None:
    wait_ms: int = getattr(_local, "wait_ms", 0)
    if wait_ms:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(wait_ms)])


connection_created.connect(_set, dispatch_uid="lock_waits")
