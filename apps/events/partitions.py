"""Monthly partitions of the events table, made when the first event of a month comes by."""

import logging
import threading
from collections.abc import Iterable
from datetime import date

from django.db import DatabaseError, connection, transaction

from apps.work.clock import from_ms

logger = logging.getLogger(__name__)

DAY_MS = 86_400_000
_LOCK_TIMEOUT = "2s"

_lock = threading.Lock()
_known_months: set[tuple[int, int]] = set()
_known_days: set[int] = set()


def ensure_partitions(months: Iterable[tuple[int, int]]) -> None:
    """Have a partition for each (year, month); what this process knows to exist costs nothing.

    Nothing is moved: a month whose rows already lie in the default partition stays there, and so
    does one whose table cannot be made just now. The default partition takes every row, so an event
    never waits for this.
    """
    for month in months:
        if month in _known_months:
            continue
        _create(month)
        with _lock:
            _known_months.add(month)


def ensure_partitions_for(occurred_ms: Iterable[int]) -> None:
    """Have a partition for the month of each instant, in ms since 1970."""
    for day in {ms // DAY_MS for ms in occurred_ms} - _known_days:
        at = from_ms(day * DAY_MS)
        ensure_partitions([(at.year, at.month)])
        with _lock:
            if len(_known_days) > 10_000:
                _known_days.clear()
            _known_days.add(day)


def forget() -> None:
    """Forget what exists (for another database)."""
    with _lock:
        _known_months.clear()
        _known_days.clear()


def _create(month: tuple[int, int]) -> None:
    year, number = month
    begin = date(year, number, 1)
    end = date(year + number // 12, number % 12 + 1, 1)
    table = f"events_event_{year:04d}{number:02d}"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [table])
            if cursor.fetchone() != (None,):
                return
            # A long reader of the default partition must not hold up everybody who sends.
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            cursor.execute(
                f'CREATE TABLE "{table}" PARTITION OF events_event'
                f" FOR VALUES FROM ('{begin} 00:00:00+00') TO ('{end} 00:00:00+00')"
            )
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except DatabaseError as error:
        # Another process made it just now, or the default partition already has rows of it.
        if connection.connection is None or connection.connection.closed:
            raise
        logger.info(
            "events.partition_not_made", extra={"table": table, "reason": type(error).__name__}
        )
