"""The decision log: one row per call, written in batches beside the requests.

A bounded queue and one thread. An answer never waits for it: with the queue full a record is
dropped and counted.
"""

import itertools
import logging
import os
import threading
import time
import zlib
from collections import deque
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from django.db import Error as DatabaseError
from django.db import connection

from apps.decisions import record_inputs, sealing
from apps.decisions.record_inputs import Made, Noted
from apps.segments.live import is_inside
from apps.work import clock
from apps.work.counting import Counter, Gauge, Reading
from apps.work.endings import at_end
from apps.work.ids import uuid7

__all__ = ["Counts", "Made", "Noted", "close", "flush", "record", "stop"]

logger = logging.getLogger(__name__)

FORMAT: Final = 1  # of what a row holds; another one when a decision reads or means something else
QUEUE_SIZE: Final = 20_000
# A larger statement keeps Postgres busy for longer than a decision beside it takes.
BATCH_SIZE: Final = 50
LINGER_S: Final = (
    0.2  # long enough to fill a batch under load, short enough to look at in the admin
)
RETRY_S: Final = 1.0
SHARES_S: Final = 5.0  # how old the sites' setting may be
INPUTS_LOST: Final = "inputs"  # in `missing`: they could not be packed
DIGEST_LENGTH: Final = 16

_INSERT = """
INSERT INTO decisions_decisionrecord (id, site_id, request_id, profile_id, source_id, snapshot, at,
  placements, facts, took_us, format, digest, unit_id, inputs, missing, writer, number, dropped,
  key_id, seal)
SELECT id, site_id, request_id, profile_id, source_id, snapshot, at, placements, facts, took_us,
  format, digest, unit_id, decode(inputs, 'base64'), missing, writer, number, dropped, key_id,
  decode(seal, 'base64')
FROM jsonb_to_recordset(%s::jsonb) AS r(id uuid, site_id uuid, request_id text, profile_id uuid,
  source_id uuid, snapshot int, at timestamptz, placements jsonb, facts jsonb, took_us int,
  format smallint, digest text, unit_id text, inputs text, missing text[], writer uuid,
  number bigint, dropped bigint, key_id smallint, seal text)
ON CONFLICT DO NOTHING
"""


class Row(msgspec.Struct):
    """A record as it goes to Postgres; named as the columns are."""

    id: UUID
    format: int
    writer: UUID | None
    number: int
    dropped: int
    site_id: UUID
    request_id: str
    profile_id: UUID | None
    source_id: UUID
    snapshot: int
    digest: str
    at: datetime
    placements: list[dict[str, Any]]
    took_us: int
    missing: list[str]
    unit_id: str
    facts: dict[str, Any]
    inputs: bytes | None
    key_id: int
    seal: bytes = b""


class Counts:
    """What became of the records of this process."""

    written = 0
    dropped = 0


_queue: deque[tuple[int, int, Made]] = deque()
_rows: deque[Row] = deque()  # sealed, and not yet written
_wake = threading.Event()
_writing = threading.Lock()
_thread: threading.Thread | None = None
_stopping = False
_writer = uuid4()
_numbers = itertools.count(1)
_unsealable = 0
_shares: dict[UUID, float] = {}
_shares_until = 0.0
_encode = msgspec.json.Encoder().encode

_reasons: Final = Counter("attune_decisions", "Decisions by reason.", "reason")
Reading("attune_decision_records", "Records of calls written.", lambda: Counts.written)
Reading(
    "attune_decision_records_dropped", "Records of calls lost: no room.", lambda: Counts.dropped
)
Gauge(
    "attune_decision_records_queued",
    "Records that wait to be written.",
    lambda: len(_queue) + len(_rows),
)


def record(made: Made) -> None:
    """Queue one call's record. Never waits; a full queue drops it and counts."""
    number = next(_numbers)
    for noted in made.placements:
        _reasons.add(noted.reason)
    if len(_queue) + len(_rows) >= QUEUE_SIZE:
        Counts.dropped += 1
        return
    _queue.append((number, Counts.dropped, made))
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
        if not _queue and not _rows:
            return 0
        try:
            _look_at_shares()
        finally:
            # Sealed rows are a tenth of what a request leaves, so they wait better.
            _seal_queued()
        while _rows:
            batch = [_rows.popleft() for _ in range(min(BATCH_SIZE, len(_rows)))]
            try:
                _write(batch)
            except DatabaseError:
                _rows.extendleft(reversed(batch))
                raise
            except Exception:
                Counts.dropped += len(batch)
                raise
            count += len(batch)
    return count


def forget() -> None:
    """Forget what is queued and begin anew, as a new process (tests)."""
    global _numbers, _shares_until, _unsealable, _writer
    _queue.clear()
    _rows.clear()
    _writer, _numbers, _unsealable = uuid4(), itertools.count(1), 0
    Counts.dropped = 0
    _shares_until = 0.0


def _look_at_shares() -> None:
    """Read the sites' settings when they are due. One statement."""
    global _shares, _shares_until
    now = time.monotonic()
    if now < _shares_until:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, decision_log_share FROM access_site")
        _shares = dict(cursor.fetchall())
    _shares_until = now + SHARES_S


def _seal_queued() -> None:
    global _unsealable
    while _queue:
        number, dropped, made = _queue.popleft()
        try:
            _rows.append(_row(number, dropped + _unsealable, made))
        except Exception:
            # One record that nobody foresaw must not end the log, nor take others with it.
            logger.exception("decisions.record_lost")
            _unsealable += 1


def _write(batch: list[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [_encode(batch).decode()])
    Counts.written += len(batch)


def _row(number: int, dropped: int, made: Made) -> Row:
    caller, profile = made.caller, made.profile
    row = Row(
        uuid7(),
        FORMAT,
        _writer,
        number,
        dropped,
        caller.site_id,
        made.request_id,
        None if profile is None else UUID(bytes=profile.profile_id),
        caller.source_id,
        made.served.number,
        made.served.digest[:DIGEST_LENGTH],
        clock.from_ms(made.at_ms),
        [_entry(noted) for noted in made.placements],
        made.took_us,
        [],
        "",
        {},
        None,
        sealing.key_id(),
    )
    if _is_kept_whole(made):
        row.facts = _facts(made)
        try:
            row.unit_id, row.missing, row.inputs = record_inputs.packed(made)
        except (TypeError, ValueError, OverflowError):
            logger.exception("decisions.inputs_lost")
            row.missing = [INPUTS_LOST]
    row.seal = sealing.seal_of(row)
    return row


def _is_kept_whole(made: Made) -> bool:
    """By the request's id: the same calls whichever process writes them down."""
    share = _shares.get(made.caller.site_id, 1.0)
    return share >= 1.0 or zlib.crc32(made.request_id.encode()) < share * 2**32


def _entry(noted: Noted) -> dict[str, Any]:
    """What is shown counts by its digest alone: it can be made again."""
    content = sealing.content_digest(noted.body) if noted.body else None
    return dict(zip(sealing.FIELDS, (*noted[:-1], content), strict=True))


def _facts(made: Made) -> dict[str, Any]:
    stays, at_ms = made.visitor.memberships, made.at_ms
    inside = [number for number, stay in stays.items() if is_inside(stay, at_ms)]
    read = {name: value for name, value in made.read.items() if not name.startswith("facts.")}
    return {"segments": inside, "context": sealing.storable(read)}


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
        logger.warning("decisions.records_lost", extra={"count": len(_queue) + len(_rows)})


def _forget_after_fork() -> None:
    global _thread, _writing
    _thread = None
    _writing = threading.Lock()
    forget()
    _wake.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
at_end(close)
