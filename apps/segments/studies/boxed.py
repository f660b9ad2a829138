"""Reads of the whole population that may not write and may not take long."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import OperationalError, connection, transaction

from apps.segments.errors import StudyTooSlow

LIMIT_S: Final = 5.0
FEWEST: Final = 10  # fewer people than that are not counted aloud

_CANCELED: Final = "57014"


def rows(
    statement: str, params: Mapping[str, Any], limit_s: float | None = None
) -> list[tuple[Any, ...]]:
    """Return what one statement finds, in a read-only transaction of limited time (five seconds).

    Raises:
        StudyTooSlow: it took longer.
    """
    limit_s = LIMIT_S if limit_s is None else limit_s
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL transaction_read_only = on")
                cursor.execute(f"SET LOCAL statement_timeout = {int(limit_s * 1000)}")
                cursor.execute(statement, params)
                found: list[tuple[Any, ...]] = cursor.fetchall()
            # Nothing was written: this only gives the limits of the transaction back.
            transaction.set_rollback(True)
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == _CANCELED:
            raise StudyTooSlow(limit_s) from error
        raise
    return found


def aloud(people: int) -> int | None:
    """A number of people as it may be told; None below ten."""
    return people if people >= FEWEST else None
