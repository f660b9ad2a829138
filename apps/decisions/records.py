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
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction

from apps.decisions import forgetting, record_inputs, sealing
from apps.decisions.record_inputs import NOTHING_PACKED, Made, Noted, Packed, Said
from apps.decisions.record_rows import COLUMNS, Sealed, Values, entries_of, file_of, ids, row_of
from apps.segments.live import is_inside
from apps.work.counting import Counter, Gauge, Reading
from apps.work.endings import at_end

__all__ = ["Counts", "Made", "Noted", "Said", "close", "flush", "record", "stop"]

logger = logging.getLogger(__name__)

# Of what a row holds: 1 squeezed all inputs, 2 did not say which purposes were allowed, 3 did not
# say how likely what was served was. Another one when a decision reads or means something else.
FORMAT: Final = 4
READABLE: Final = frozenset({1, 2, 3, 4})
QUEUE_SIZE: Final = 20_000
# A larger statement keeps Postgres busy for longer than a decision beside it takes.
BATCH_SIZE: Final = 50
LINGER_S: Final = (
    0.2  # long enough to fill a batch under load, short enough to look at in the admin
)
# The thread seals so many at once, then rests: a long turn of it is one that requests wait for.
PIECE: Final = 8
SPREAD_S: Final = 0.1  # what is queued is done within so long, and the work itself
RETRY_S: Final = 1.0
SHARES_S: Final = 5.0  # how old the sites' setting may be
INPUTS_LOST: Final = "inputs"  # in `missing`: they could not be packed
DIGEST_LENGTH: Final = 16

_COPY = f"COPY {{table}} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
_TABLE: Final = "decisions_decisionrecord"
# Where nobody knows whether a batch has been written: the connection broke before it was answered.
_APART: Final = "decisions_again"
_MAKE_APART: Final = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_APART} (LIKE {_TABLE} INCLUDING DEFAULTS) ON COMMIT DROP
"""
_TAKE_OVER: Final = f"INSERT INTO {_TABLE} SELECT * FROM {_APART} ON CONFLICT DO NOTHING"

# Time cures these.
_AWAY: Final = (OperationalError, InterfaceError, ProgrammingError)


class Counts:
    """What became of the records of this process."""

    written = 0
    dropped = 0


_queue: deque[tuple[int, int, Made]] = deque()
_rows: deque[Sealed] = deque()  # and not yet written
_fresh: list[bytes] = []  # whose records have been written, and not yet looked after
_wake = threading.Event()
_writing = threading.Lock()
_thread: threading.Thread | None = None
_stopping = False
_writer = uuid4()
_numbers = itertools.count(1)
_unsealable = 0
_is_doubtful = False  # whether the first batch has been written already
_shares: dict[UUID, float] = {}
_shares_until = 0.0

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
        _reasons.add(noted.said.reason)
    if len(_queue) + len(_rows) >= QUEUE_SIZE:
        Counts.dropped += 1
        return
    _queue.append((number, Counts.dropped, made))
    if not _wake.is_set():
        _wake.set()
        if _thread is None:
            _start()


def flush(spread_s: float = 0.0) -> int:
    """Write everything queued, on the caller's connection; return how many records.

    Args:
        spread_s: how long to rest in between, in all.

    Raises:
        django.db.Error: Postgres is away; the records stay queued.
    """
    count = 0
    with _writing:
        if not _queue and not _rows and not _fresh:
            return 0
        rest_s = spread_s * PIECE / (2 * (len(_queue) + len(_rows) + PIECE))
        try:
            _look_at_shares()
        finally:
            # Sealed rows are a tenth of what a request leaves, so they wait better.
            _seal_queued(rest_s)
        while _rows:
            batch = [_rows.popleft() for _ in range(min(BATCH_SIZE, len(_rows)))]
            try:
                _write(batch)
            except _AWAY:
                _rows.extendleft(reversed(batch))
                raise
            except Exception:
                Counts.dropped += len(batch)
                raise
            count += len(batch)
            if rest_s and _rows:
                time.sleep(rest_s * len(batch) / PIECE)
            _fresh.extend(row.profile for row in batch if row.profile is not None)
        forgetting.look_after(_fresh)
        _fresh.clear()
    return count


def forget() -> None:
    """Forget what is queued and begin anew, as a new process (tests)."""
    global _is_doubtful, _numbers, _shares_until, _unsealable, _writer
    _queue.clear()
    _rows.clear()
    _fresh.clear()
    _is_doubtful = False
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


def _seal_queued(rest_s: float) -> None:
    global _unsealable
    fresh = ids(len(_queue))
    while _queue and fresh:
        if rest_s and len(fresh) % PIECE == 0:
            time.sleep(rest_s)
        number, dropped, made = _queue.popleft()
        try:
            _rows.append(_row(fresh.pop(), number, dropped + _unsealable, made))
        except Exception:
            # One record that nobody foresaw must not end the log, nor take others with it.
            logger.exception("decisions.record_lost")
            _unsealable += 1


def _write(batch: list[Sealed]) -> None:
    """Write rows. One that cannot be written is lost, and takes no others with it."""
    global _is_doubtful
    try:
        lost = _put(batch, is_again=_is_doubtful)
    except _AWAY:
        _is_doubtful = True
        raise
    _is_doubtful = False
    Counts.written += len(batch) - lost
    Counts.dropped += lost


def _put(batch: list[Sealed], *, is_again: bool) -> int:
    """Write rows, in halves when some cannot be written; return how many could not."""
    try:
        _copy(batch, is_again=is_again)
    except _AWAY:
        raise
    except DatabaseError:
        if len(batch) == 1:
            logger.exception("decisions.record_lost")
            return 1
        middle = len(batch) // 2
        return sum(_put(half, is_again=is_again) for half in (batch[:middle], batch[middle:]))
    return 0


def _copy(batch: Sequence[Sealed], *, is_again: bool) -> None:
    """Write rows in one transaction; again: those that are there already stay as they are."""
    data = BytesIO(file_of(batch))
    if not is_again:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.copy_expert(_COPY.format(table=_TABLE), data)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MAKE_APART)
        with connection.wrap_database_errors:
            cursor.copy_expert(_COPY.format(table=_APART), data)
        cursor.execute(_TAKE_OVER)


def _row(id: bytes, number: int, dropped: int, made: Made) -> Sealed:
    caller, profile = made.caller, made.profile
    facts, packed = b"{}", NOTHING_PACKED
    if _is_kept_whole(made):
        facts = sealing.ordered(_facts(made))
        try:
            packed = record_inputs.packed(made)
        except (TypeError, ValueError, OverflowError):
            logger.exception("decisions.inputs_lost")
            packed = Packed("", [INPUTS_LOST], None)
    return row_of(
        Values(
            id,
            caller.site_id,
            caller.source_id,
            _writer,
            FORMAT,
            number,
            dropped,
            made.at_ms * 1000,
            made.served.number,
            made.took_us,
            None if profile is None else profile.profile_id,
            made.request_id,
            made.served.digest[:DIGEST_LENGTH],
            packed.unit_id,
            entries_of(made.placements),
            facts,
            packed.missing,
            packed.inputs,
        )
    )


def _is_kept_whole(made: Made) -> bool:
    """By the request's id: the same calls whichever process writes them down."""
    share = _shares.get(made.caller.site_id, 1.0)
    return share >= 1.0 or zlib.crc32(made.request_id.encode()) < share * 2**32


def _facts(made: Made) -> dict[str, Any]:
    """Of what could be read: the segments that the visitor was in, and the request's facts."""
    stays, at_ms = made.visitor.memberships, made.at_ms
    numbers = record_inputs.segments_read(made)
    inside = [n for n, stay in stays.items() if n in numbers and is_inside(stay, at_ms)]
    if not made.read:
        return {"segments": inside, "context": {}}
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
            flush(SPREAD_S)
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
