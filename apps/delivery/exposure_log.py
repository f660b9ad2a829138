"""Exposures on their way to the inbox: answered when journalled, moved in batches beside requests.

Four exposures in a transaction of their own would cost more than the decision that they tell of. So
a call appends them to a file, which is safe from the end of the process, and a thread moves the
file to the inbox (apps/events/journal.py). When the record is away or the file cannot be written,
the request stores them itself, so that a caller hears of it and can repeat them.
"""

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from apps.events.collect import packed, record_accepted
from apps.events.journal import Journal, Owner, move_abandoned
from apps.events.types import Accepted, Receipt
from apps.work import clock
from apps.work.endings import at_end

__all__ = ["Owner", "flush", "forget", "stop", "take"]

logger = logging.getLogger(__name__)

LINGER_S: Final = 0.05
RETRY_S: Final = 1.0
SEEN_SIZE: Final = 50_000

_journal = Journal()
_wake = threading.Event()
_moving = threading.Lock()
_thread: threading.Thread | None = None
_is_away = False
_stopping = False
# Source and message id of this process's last exposures, for the count of repeats in an answer. The
# inbox decides what is stored.
_seen: dict[str, None] = {}


def take(owner: Owner, events: Sequence[Accepted]) -> Receipt:
    """Keep exposures for the thread, or store them now where the record is away or the disk full.

    They are safe from the end of this process when this returns.

    Raises:
        django.db.OperationalError, InterfaceError: Postgres is away; sending again is safe.
    """
    if _is_away:
        return record_accepted(owner, events, now=clock.now())
    source = owner.source_id.hex
    keyed = {source + event.message_id: event for event in events}
    fresh = {key: event for key, event in keyed.items() if key not in _seen}
    if fresh:
        try:
            _journal.append(owner, [packed(event) for event in fresh.values()])
        except OSError as error:
            logger.warning("delivery.exposures_not_journalled", extra={"reason": str(error)})
            return record_accepted(owner, events, now=clock.now())
        _remember(fresh)
        if not _wake.is_set():
            _wake.set()
            if _thread is None:
                _start()
    return Receipt(
        accepted=len(fresh), duplicates=len(events) - len(fresh), without_consent=0, rejected=[]
    )


def flush() -> int:
    """Move everything journalled to the inbox, on the caller's connection; return how many.

    Raises:
        django.db.Error: Postgres is away; what is not stored stays in the journal.
    """
    with _moving:
        return _journal.move()


def _remember(keys: Iterable[str]) -> None:
    if len(_seen) >= SEEN_SIZE:
        _seen.clear()
    _seen.update(dict.fromkeys(keys))


def _start() -> None:
    global _thread
    _thread = threading.Thread(target=_run, name="exposures", daemon=True)
    _thread.start()


def _run() -> None:
    global _is_away
    pause_s = LINGER_S
    looks_for_others = True
    while not _stopping:
        _wake.wait()
        time.sleep(pause_s)
        _wake.clear()
        pause_s = LINGER_S
        try:
            flush()
            if looks_for_others:  # of a worker that this one was started for
                move_abandoned()
                looks_for_others = False
            _is_away = False
        except DatabaseError:
            _is_away = True
            pause_s = RETRY_S
            connection.close()
            _wake.set()
        except Exception:
            # What nobody foresaw must not end the thread; the journal keeps what was not stored.
            logger.exception("delivery.exposures_failed")
            pause_s = RETRY_S
            _wake.set()
    connection.close()


def stop() -> None:
    """End the thread and its connection; what is journalled stays (tests)."""
    global _thread, _stopping
    thread, _thread = _thread, None
    if thread is not None:
        _stopping = True
        _wake.set()
        thread.join()
        _stopping = False


def forget() -> None:
    """Let go of the journal and of what was seen, as the end of the process would (tests)."""
    global _is_away
    _journal.close()
    _seen.clear()
    _wake.clear()
    _is_away = False


def close() -> None:
    """Move what is left when the process ends."""
    try:
        flush()
    except DatabaseError:
        logger.warning("delivery.exposures_left", extra={"why": "they wait in the journal"})
    _journal.close()


def _forget_after_fork() -> None:
    global _thread, _moving, _is_away
    _thread = None
    _moving = threading.Lock()
    _journal.after_fork()
    _seen.clear()
    _wake.clear()
    _is_away = False


os.register_at_fork(after_in_child=_forget_after_fork)
at_end(close)
