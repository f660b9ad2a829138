"""The decision log is kept for a month: long enough to ask why, short enough to stay small."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

KEPT: Final = timedelta(days=30)
BATCH: Final = 5_000

_DELETE = """
DELETE FROM decisions_decisionrecord WHERE id IN (
    SELECT id FROM decisions_decisionrecord WHERE at < %s LIMIT %s)
"""


def prune_records(now: datetime) -> int:
    """Delete records older than KEPT, in batches of their own; return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, [now - KEPT, BATCH])
            deleted = int(cursor.rowcount)
        total += deleted
        if deleted < BATCH:
            return total
