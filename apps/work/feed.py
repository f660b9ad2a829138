"""Reading the change feed by its numbers without losing a line.

Numbers are drawn before their transactions commit, so a line may appear below one that was already
read. Whoever writes a line holds a lock of the table from before it draws its number until it has
committed: when all who held one at some moment are gone, every number drawn until then is settled.
"""

import time
from typing import Final

from django.db import connection

PATIENCE_S: Final = 0.5
PAUSE_S: Final = 0.004
MAX_STEP: Final = 100_000  # numbers looked at in one go

_LAST: Final = """
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM work_changefeed_id_seq
"""
_WRITERS: Final = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'work_changefeed'::regclass
  AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# With writers that take their time: as far as no number is missing.
_UNBROKEN: Final = """
SELECT coalesce(max(id), %(after)s) FROM (
  SELECT id, id - row_number() OVER (ORDER BY id) AS base FROM work_changefeed
  WHERE id > %(after)s AND id <= %(upto)s
) c WHERE base = %(after)s
"""


def settled_upto(after: int) -> int:
    """Return a number up to which the feed will not change any more, `after` or greater.

    At most MAX_STEP beyond `after`. Waits up to half a second for those who write just now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        upto = min(int(cursor.fetchone()[0]), after + MAX_STEP)
        if upto <= after:
            return after
        cursor.execute(_WRITERS)
        writers = {one for (one,) in cursor.fetchall()}
        deadline = time.monotonic() + PATIENCE_S
        while writers and time.monotonic() < deadline:
            time.sleep(PAUSE_S)
            cursor.execute(_WRITERS)
            writers &= {one for (one,) in cursor.fetchall()}
        if not writers:
            return upto
        cursor.execute(_UNBROKEN, {"after": after, "upto": upto})
        return int(cursor.fetchone()[0])


class Settling:
    """The same without waiting, for a reader who looks again and again and has other work.

    Whoever wrote at one look is asked for at the next: when all of them are gone, what had been
    drawn at the first is settled.
    """

    def __init__(self) -> None:
        self._settled = 0
        self._upto = 0
        self._writers: set[str] = set()

    def look(self) -> int:
        """Return a number up to which the feed will not change any more. Two statements."""
        with connection.cursor() as cursor:
            if not self._writers:
                cursor.execute(_LAST)
                self._upto = int(cursor.fetchone()[0])
            if self._upto == self._settled:
                return self._settled
            cursor.execute(_WRITERS)
            writers = {one for (one,) in cursor.fetchall()}
        self._writers = writers & self._writers if self._writers else writers
        if not self._writers:
            self._settled = self._upto
        return self._settled


def newest() -> int:
    """Return the greatest number drawn so far: where a reader begins who wants only what comes."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        return int(cursor.fetchone()[0])
