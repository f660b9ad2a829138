"""The decision log is kept for 90 days, or as long as a site says: long enough to ask why."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from apps.access import keeping

BATCH: Final = 5_000

_DELETE = """
DELETE FROM decisions_decisionrecord WHERE id IN (
    SELECT id FROM decisions_decisionrecord WHERE site_id = %s AND at < %s LIMIT %s)
"""


def kept_since(now: datetime) -> datetime:
    """Return the moment since when the records of every site are still there. One statement."""
    shortest = keeping.cutoffs("decisions", now=now).values()
    return max(shortest, default=now - timedelta(days=keeping.DAYS["decisions"]))


def prune_records(now: datetime) -> int:
    """Delete records that are older than their site keeps them, in batches; return how many."""
    total = 0
    for site_id, cutoff in keeping.cutoffs("decisions", now=now).items():
        deleted = BATCH
        while deleted == BATCH:
            with connection.cursor() as cursor:
                cursor.execute(_DELETE, [str(site_id), cutoff, BATCH])
                deleted = int(cursor.rowcount)
            total += deleted
    return total
