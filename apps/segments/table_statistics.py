"""What Postgres knows of the tables that a refresh reads: too little once much has come in.

Autovacuum looks after a table within a minute of its change, and after a partitioned one never. A
refresh that comes before it, after an import or a demo's history, would be planned for a handful of
rows: minutes instead of milliseconds.
"""

import logging
from collections.abc import Sequence
from typing import Final

from django.db import connection

logger = logging.getLogger(__name__)

READ: Final = ("profiles_profilestate", "events_event")
FEW: Final = 1_000  # rows; whatever is planned for fewer is fast

# `reltuples` is the count at the last ANALYZE, of all partitions together; -1: there was none.
_OUTGROWN = """
SELECT c.relname FROM unnest(%s::text[]) AS asked(name)
JOIN pg_class c ON c.oid = asked.name::regclass
CROSS JOIN LATERAL (
  SELECT sum(s.n_live_tup) AS rows FROM pg_stat_user_tables s
  WHERE s.relid = c.oid OR s.relid IN (SELECT p.relid FROM pg_partition_tree(c.oid) p)
) now
WHERE now.rows > greatest(2 * c.reltuples, %s)
"""


def catch_up(tables: Sequence[str] = READ) -> list[str]:
    """Analyze the tables that have more than doubled since they last were; return which.

    One statement where there is none. Nothing is done within a transaction, which would keep the
    tables locked against autovacuum.
    """
    if connection.in_atomic_block:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OUTGROWN, ["{" + ",".join(tables) + "}", FEW])
        outgrown = [name for (name,) in cursor.fetchall()]
        for name in outgrown:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
    if outgrown:
        logger.info("segments.analyzed", extra={"tables": outgrown})
    return outgrown
