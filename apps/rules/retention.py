"""Firings are kept for a year: who was told what about a person must be known for twelve months."""

from datetime import datetime
from typing import Final

from django.db import connection

from apps.access import keeping

BATCH: Final = 5_000
_DELETE: Final = """
DELETE FROM rules_firing WHERE id IN (
    SELECT f.id FROM rules_firing f JOIN rules_trigger t ON t.id = f.trigger_id
    WHERE t.site_id = %s AND f.at < %s LIMIT %s)
"""


def prune_firings(now: datetime) -> int:
    """Delete firings that are older than their site keeps them, in batches; return how many.

    Those that still wait to be told are not spared: nobody tells after a year.
    """
    total = 0
    for site_id, cutoff in keeping.cutoffs("firings", now=now).items():
        deleted = BATCH
        while deleted == BATCH:
            with connection.cursor() as cursor:
                cursor.execute(_DELETE, [str(site_id), cutoff, BATCH])
                deleted = int(cursor.rowcount)
            total += deleted
    return total
