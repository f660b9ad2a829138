"""Reads of the whole population that may not write and may not take long."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any, Final

from django.db import OperationalError, connection, transaction

from apps.access import small_cells
from apps.segments.errors import StudyTooSlow

LIMIT_S: Final = 5.0
FEWEST: Final = small_cells.FEWEST  # fewer people than that are not counted aloud

_CANCELED: Final = "57014"

# When the reads of this block must have ended (time.monotonic()), and how long it was given.
_until: ContextVar[tuple[float, float] | None] = ContextVar("until", default=None)


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Give all reads of a block together no more time than this."""
    token = _until.set((monotonic() + limit_s, limit_s))
    try:
        yield
    finally:
        _until.reset(token)


def rows(
    statement: str, params: Mapping[str, Any], limit_s: float | None = None
) -> list[tuple[Any, ...]]:
    """Return what one statement finds, in a read-only transaction of limited time (five seconds).

    Raises:
        StudyTooSlow: it took longer, or all of its block did: see `within`.
    """
    limit_s = told_s = LIMIT_S if limit_s is None else limit_s
    until = _until.get()
    if until is not None and until[0] - monotonic() < limit_s:
        limit_s, told_s = until[0] - monotonic(), until[1]
    if limit_s <= 0:
        raise StudyTooSlow(told_s)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL transaction_read_only = on")
                cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(limit_s * 1000))}")
                cursor.execute(statement, params)
                found: list[tuple[Any, ...]] = cursor.fetchall()
            # Nothing was written: this only gives the limits of the transaction back.
            transaction.set_rollback(True)
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == _CANCELED:
            raise StudyTooSlow(told_s) from error
        raise
    return found


def aloud(people: int) -> int | None:
    """A number of people as it may be told; None below ten."""
    return small_cells.told(people)
