"""The decision log: one row per call, written in batches beside the requests.

A bounded queue and one thread. An answer never waits for it: with the queue full a record is
dropped and counted.
"""

import logging
import os
import threading
import time
from collections import deque
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import Error as DatabaseError
from django.db import connection

from apps.segments.live import decode_stays, is_inside
from apps.work import clock
from apps.work.endings import at_end
from apps.work.ids import uuid7

logger = logging.getLogger(__name__)

QUEUE_SIZE: Final = 20_000
# A larger statement keeps Postgres busy for longer than a decision beside it takes.
BATCH_SIZE: Final = 50
LINGER_S: Final = (
    0.2  # long enough to fill a batch under load, short enough to look at in the admin
)
RETRY_S: Final = 1.0

_INSERT = """
INSERT INTO decisions_decisionrecord (id, site_id, request_id, profile_id, source_id, snapshot, at,
  placements, facts, took_us)
SELECT id, site_id, request_id, profile_id, source_id, snapshot, at, placements, facts, took_us
FROM jsonb_to_recordset(%s::jsonb) AS r(id uuid, site_id uuid, request_id text, profile_id uuid,
  source_id uuid, snapshot int, at timestamptz, placements jsonb, facts jsonb, took_us int)
ON CONFLICT DO NOTHING
"""


class Made(NamedTuple):
    """One call as the request leaves it; the thread turns it into a row.

    Attributes:
        profile_id: 16 bytes, empty for a visitor without a profile.
        placements: (placement, block, variant, version, reason, rule) of each decision.
        memberships: the segments codec, as it was read.
        context: the facts of the request that conditions looked at.
    """

    site_id: UUID
    request_id: str
    profile_id: bytes
    source_id: UUID
    snapshot: int
    at_ms: int
    placements: list[tuple[str, str | None, str | None, int, str, str | None]]
    memberships: bytes
    context: dict[str, object]
    took_us: int


class Counts:
    """What became of the records of this process."""

    written = 0
    dropped = 0


_queue: deque[Made] = deque()
_wake = threading.Event()
_writing = threading.Lock()
_thread: threading.Thread | None = None
_stopping = False
_encode = msgspec.json.Encoder().encode


def record(made: Made) -> None:
    """Queue one call's record. Never waits; a full queue drops it and counts."""
    if len(_queue) >= QUEUE_SIZE:
        Counts.dropped += 1
        return
    _queue.append(made)
    if not _wake.is_set():
        _wake.set()
        if _thread is None:
            _start()


def flush() -> int:
    """Write everything queued, on the caller's connection; return how many records.

    Raises:
        django.db.Error: Postgres is away; the records stay queued.
    """
    count = 0
    with _writing:
        while _queue:
            batch = [_queue.popleft() for _ in range(min(BATCH_SIZE, len(_queue)))]
            try:
                _write(batch)
            except DatabaseError:
                _queue.extendleft(reversed(batch))
                raise
            except Exception:
                Counts.dropped += len(batch)
                raise
            count += len(batch)
    return count


def _write(batch: list[Made]) -> None:
    rows = [_row(made) for made in batch]
    # jsonb has no NUL, and a visitor may have sent one as a fact of the request.
    document = _encode(rows).replace(b"\\u0000", b"\\ufffd").decode()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [document])
    Counts.written += len(batch)


def _row(made: Made) -> dict[str, object]:
    names = ("placement", "block", "variant", "version", "reason", "rule")
    stays = decode_stays(made.memberships)
    return {
        "id": uuid7(),
        "site_id": made.site_id,
        "request_id": made.request_id,
        "profile_id": UUID(bytes=made.profile_id) if made.profile_id else None,
        "source_id": made.source_id,
        "snapshot": made.snapshot,
        "at": clock.from_ms(made.at_ms),
        "placements": [dict(zip(names, one, strict=True)) for one in made.placements],
        "facts": {
            "segments": [n for n, stay in stays.items() if is_inside(stay, made.at_ms)],
            "context": made.context,
        },
        "took_us": made.took_us,
    }


def _start() -> None:
    global _thread
    _thread = threading.Thread(target=_run, name="decision-records", daemon=True)
    _thread.start()


def _run() -> None:
    pause_s = LINGER_S
    while not _stopping:
        _wake.wait()
        time.sleep(pause_s)
        _wake.clear()
        pause_s = LINGER_S
        try:
            flush()
        except DatabaseError:
            pause_s = RETRY_S
            connection.close()
            _wake.set()
        except Exception:
            # One record that nobody foresaw must not end the log; the batch it was in is lost.
            logger.exception("decisions.records_failed")
    connection.close()


def stop() -> None:
    """End the thread and its connection; what is queued stays queued (tests)."""
    global _thread, _stopping
    thread, _thread = _thread, None
    if thread is not None:
        _stopping = True
        _wake.set()
        thread.join()
        _stopping = False


def close() -> None:
    """Write what is left when the process ends."""
    try:
        flush()
    except DatabaseError:
        logger.warning("decisions.records_lost", extra={"count": len(_queue)})


def _forget_after_fork() -> None:
    global _thread, _writing
    _thread = None
    _writing = threading.Lock()
    _queue.clear()
    _wake.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
at_end(close)
