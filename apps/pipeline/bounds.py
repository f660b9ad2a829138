"""How much one transaction of the consumer may be, and how it looks when one was too much."""

import time

from django.db import connection

# Shorter than a mark in the hot state lives: see decisions.hot_state.
TRANSACTION_TIMEOUT_MS = 60_000
# More than that many failures with nothing that succeeds in between are a fault of ours or of the
# database: stop and tell.
MAX_SET_ASIDE = 10
# A batch with so many events that cannot be folded has more of them: what is left is not searched.
MAX_BLAMED = 5
# A deadlock, a serialization that failed, a prepared statement that a pooler has lost.
RETRIED = ("40P01", "40001", "26000")
_CANCELLED = ("57014", "25P04")  # a statement, a transaction that took too long


def bound_transaction() -> None:
    """Have the server end the present transaction when it takes too long."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL transaction_timeout = {TRANSACTION_TIMEOUT_MS}")


def sqlstate(error: BaseException) -> str | None:
    """The code that Postgres gave to an error of Django's; None: it gave none."""
    return getattr(error.__cause__, "pgcode", None)


def ran_out(error: BaseException, started: float) -> bool:
    """Was the transaction too much work, or is the database away? The server ends a connection
    that takes too long, and often that is all we see of it: so the time it took tells, too.

    Args:
        started: by the monotonic clock, in s.
    """
    spent_ms = (time.monotonic() - started) * 1000
    return sqlstate(error) in _CANCELLED or spent_ms >= TRANSACTION_TIMEOUT_MS
