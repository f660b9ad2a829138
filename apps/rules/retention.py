"""Firings are kept as long as limits look back at them."""

from datetime import datetime
from typing import Final

from django.db import connection

from apps.rules.firing import REMEMBERED

BATCH: Final = 5_000
_DELETE: Final = """
DELETE FROM rules_firing WHERE id IN (
    SELECT id FROM rules_firing WHERE at < %s AND outcome <> 'waiting' LIMIT %s)
"""


def prune_firings(now: datetime) -> int:
    """Delete firings older than 90 days, in batches of their own; return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DELETE, [now - REMEMBERED, BATCH])
            deleted = int(cursor.rowcount)
        total += deleted
        if deleted < BATCH:
            return total
