"""Waiting until whoever may have read an older state of the record has written what came of it."""

import time
from typing import Final

from django.db import connection

LONGEST_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.02
# A snapshot's xmin is as old as the oldest transaction of the whole cluster. So when it is too old,
# the sessions of this database are asked, of which another role's say nothing: those count.
_IS_OVER = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %s"
_IS_OVER_HERE: Final = """
SELECT NOT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
        AND (state IS NULL OR age(backend_xid) >= age(%(own)s::text::xid))
) AND NOT EXISTS (
    SELECT FROM pg_prepared_xacts
    WHERE database = current_database() AND age(transaction) >= age(%(own)s::text::xid)
)
"""


def wait_for_older(transaction_id: int, longest_s: float = LONGEST_S) -> bool:
    """Wait until no transaction of this database is open that wrote before `transaction_id` did.

    Not to be called inside a transaction. False: some are still open after so many seconds.
    """
    deadline = time.monotonic() + longest_s
    own = transaction_id % 2**32  # without the epoch: as sessions are told
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            for question, values in ((_IS_OVER, [transaction_id]), (_IS_OVER_HERE, {"own": own})):
                cursor.execute(question, values)
                if cursor.fetchone()[0]:
                    return True
            time.sleep(_LOOK_EVERY_S)
    return False
