"""How much came in, by site and minute: counted in memory, written once a second.

The counts are a graph and a proof that events without consent were dropped, not a ledger: a process
that is killed takes at most its last second of counts with it, never an event.
"""

import json
import logging
import os
import threading
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from apps.events.types import Receipt
from apps.work.endings import at_end

logger = logging.getLogger(__name__)

FLUSH_S = 1.0
MAX_PENDING = 10_000  # (site, minute) pairs kept while Postgres is away; then new ones are dropped

# The join drops counts of a site that has been deleted meanwhile.
_UPSERT = """
INSERT INTO events_intakeminute
    (site_id, minute, accepted, duplicates, rejected, without_consent, erased)
SELECT s.id, w.minute, w.accepted, w.duplicates, w.rejected, w.without_consent, w.erased
FROM jsonb_to_recordset(%s::jsonb) AS w(site uuid, minute timestamptz, accepted bigint,
     duplicates bigint, rejected bigint, without_consent bigint, erased bigint)
JOIN access_site s ON s.id = w.site
ORDER BY s.id, w.minute
ON CONFLICT (site_id, minute) DO UPDATE SET
    accepted = events_intakeminute.accepted + EXCLUDED.accepted,
    duplicates = events_intakeminute.duplicates + EXCLUDED.duplicates,
    rejected = events_intakeminute.rejected + EXCLUDED.rejected,
    without_consent = events_intakeminute.without_consent + EXCLUDED.without_consent,
    erased = events_intakeminute.erased + EXCLUDED.erased
"""

_lock = threading.Lock()
_writing = threading.Lock()  # the last flush of a process waits for the one that is under way
_pending: dict[tuple[UUID, datetime], list[int]] = {}
_has_work = threading.Event()
_writer_pid = 0


def count(site_id: UUID, receipt: Receipt, *, now: datetime) -> None:
    """Add to the counts of the minute of `now`. Costs no input or output here."""
    rejected = len(receipt.rejected)
    added = (
        receipt.accepted, receipt.duplicates, rejected, receipt.without_consent, receipt.erased,
    )  # fmt: skip
    with _lock:
        _add((site_id, now.replace(second=0, microsecond=0)), added)
    if not _has_work.is_set():
        _has_work.set()
    if _writer_pid != os.getpid() and getattr(settings, "EVENTS_IN_BACKGROUND", True):
        _start_writer()


def flush() -> int:
    """Write what has been counted; return the number of minutes written. One statement.

    Raises:
        DatabaseError, InterfaceError: Postgres is away; the counts are kept for the next time.
    """
    with _writing:
        return _flush()


def _flush() -> int:
    with _lock:
        taken = dict(_pending)
        _pending.clear()
    if not taken:
        return 0
    names = ("accepted", "duplicates", "rejected", "without_consent", "erased")
    rows = [
        {
            "site": str(site_id),
            "minute": minute.isoformat(),
            **dict(zip(names, counts, strict=True)),
        }
        for (site_id, minute), counts in taken.items()
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, [json.dumps(rows)])
    except (DatabaseError, InterfaceError):
        with _lock:
            for key, counts in taken.items():
                _add(key, counts)
        raise
    return len(rows)


def forget() -> None:
    """Drop what has been counted and not written."""
    with _lock:
        _pending.clear()


def _add(key: tuple[UUID, datetime], added: tuple[int, ...] | list[int]) -> None:
    counts = _pending.get(key)
    if counts is None:
        if len(_pending) >= MAX_PENDING:
            return
        counts = _pending[key] = [0, 0, 0, 0, 0]
    for place, number in enumerate(added):
        counts[place] += number


def _start_writer() -> None:
    """Start this process's writer. A fork has no threads: it starts its own at its first count."""
    global _writer_pid
    with _lock:
        if _writer_pid == os.getpid():
            return
        _writer_pid = os.getpid()
    threading.Thread(target=_write_each_second, name="intake-counters", daemon=True).start()
    at_end(_flush_quietly, is_last=True)


def _write_each_second() -> None:
    pause = threading.Event()
    while True:
        _has_work.wait()
        pause.wait(FLUSH_S)
        _has_work.clear()
        _flush_quietly()
        if not _has_work.is_set():
            connection.close()  # an idle sender costs no connection


def _flush_quietly() -> None:
    try:
        flush()
    except (DatabaseError, InterfaceError):
        # The counts stay in memory; the requests themselves say 503 while Postgres is away.
        logger.warning("intake.counts_not_written", extra={"minutes": len(_pending)})
        connection.close()
        _has_work.set()
