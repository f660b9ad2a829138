"""Exposures on their way to the inbox: answered when queued, written in batches beside requests.

A beacon is never sent again, so making it wait for a commit helps nobody; four exposures in a
transaction of their own would cost more than the decision that they tell of. The price: a process
killed with -9 loses the last LINGER_S. When the record is away, or the queue is full, exposures are
written by the request itself again, so that a caller hears of it and can repeat them.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection

from apps.events.collect import Packed, packed, record_accepted, record_packed
from apps.events.types import Accepted, Receipt
from apps.work import clock
from apps.work.endings import at_end

logger = logging.getLogger(__name__)

QUEUE_SIZE: Final = 20_000
BATCH_SIZE: Final = 500
LINGER_S: Final = 0.05
RETRY_S: Final = 1.0
SEEN_SIZE: Final = 50_000


class Owner(NamedTuple):
    """Whose events they are, as intake wants to know it."""

    site_id: UUID
    source_id: UUID


_queue: deque[tuple[Owner, Packed]] = deque()
_wake = threading.Event()
_writing = threading.Lock()
_thread: threading.Thread | None = None
_is_away = False
_stopping = False
# Source and message id of this process's last exposures, for the count of repeats in an answer. The
# inbox decides what is stored.
_seen: dict[str, None] = {}


def take(owner: Owner, events: Sequence[Accepted]) -> Receipt:
    """Queue exposures, or write them now when the queue cannot be trusted to reach the record.

    Raises:
        django.db.OperationalError, InterfaceError: Postgres is away; sending again is safe.
    """
    if _is_away or len(_queue) + len(events) > QUEUE_SIZE:
        return record_accepted(owner, events, now=clock.now())
    source = owner.source_id.hex
    fresh = [event for event in events if _is_fresh(source + event.message_id)]
    # Packed now, while they are at hand: afterwards it costs three times as much.
    _queue.extend([(owner, packed(event)) for event in fresh])
    if fresh and not _wake.is_set():
        _wake.set()
        if _thread is None:
            _start()
    return Receipt(
        accepted=len(fresh), duplicates=len(events) - len(fresh), without_consent=0, rejected=[]
    )


def flush() -> int:
    """Write everything queued, on the caller's connection; return how many exposures.

    Raises:
        django.db.Error: Postgres is away; what is not written stays queued.
    """
    count = 0
    with _writing:
        while _queue:
            batch = [_queue.popleft() for _ in range(min(BATCH_SIZE, len(_queue)))]
            try:
                _write(batch)
            except DatabaseError:
                # Message ids make writing some of them a second time harmless.
                _queue.extendleft(reversed(batch))
                raise
            count += len(batch)
    return count


def _write(batch: Iterable[tuple[Owner, Packed]]) -> None:
    by_owner: dict[Owner, list[Packed]] = {}
    for owner, taken in groupby(batch, itemgetter(0)):
        by_owner.setdefault(owner, []).extend(event for _, event in taken)
    now = clock.now()
    for owner, events in by_owner.items():
        record_packed(owner, events, now=now)


def _is_fresh(key: str) -> bool:
    if key in _seen:
        return False
    if len(_seen) >= SEEN_SIZE:
        _seen.clear()
    _seen[key] = None
    return True


def _start() -> None:
    global _thread
    _thread = threading.Thread(target=_run, name="exposures", daemon=True)
    _thread.start()


def _run() -> None:
    global _is_away
    pause_s = LINGER_S
    while not _stopping:
        _wake.wait()
        time.sleep(pause_s)
        _wake.clear()
        pause_s = LINGER_S
        try:
            flush()
            _is_away = False
        except DatabaseError:
            _is_away = True
            pause_s = RETRY_S
            connection.close()
            _wake.set()
        except Exception:
            # What nobody foresaw must not end the log; the batch it was in is lost and told.
            logger.exception("delivery.exposures_failed")
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


def forget() -> None:
    """Drop what is queued and what was seen (tests)."""
    global _is_away
    _queue.clear()
    _seen.clear()
    _wake.clear()
    _is_away = False


def close() -> None:
    """Write what is left when the process ends."""
    try:
        flush()
    except DatabaseError:
        logger.warning("delivery.exposures_lost", extra={"count": len(_queue)})


def _forget_after_fork() -> None:
    global _thread, _writing
    _thread = None
    _writing = threading.Lock()
    forget()


os.register_at_fork(after_in_child=_forget_after_fork)
at_end(close)
