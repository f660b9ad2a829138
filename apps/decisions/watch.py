"""One look at the record per second, beside the requests: heals every announcement that was lost.

Redis may have been away when a publication or a raised generation was announced, or the process
that would have told it may have died. Large publications are read here, too, as soon as a request
has heard of one. Decisions never wait for this.
"""

import logging
import os
import threading
from typing import Final

from apps.decisions import announcing, generation, record_reads, snapshots
from apps.work.redis import RedisAway

logger = logging.getLogger(__name__)

PERIOD_S: Final = 1.0

_thread: threading.Thread | None = None
_stop = threading.Event()


def look() -> None:
    """Compare what this process believes with the record, once.

    Raises:
        RecordAway: Postgres did not answer.
    """
    generation.look_up()
    for site_id, number in snapshots.numbers().items():
        snapshots.catch_up(site_id, number)
        if number:
            try:
                announcing.raise_number(announcing.publication_key(site_id.hex), number)
            except RedisAway:
                continue


def start() -> None:
    """Load what sites serve and begin to look: at the start of a process, or when it decides."""
    global _thread
    if _thread is None:
        _thread = threading.Thread(target=_run, name="decisions-watch", daemon=True)
        _thread.start()
        snapshots.watched.set()


def stop() -> None:
    """End the thread and its connections (tests, so that their database can be dropped)."""
    global _thread
    thread, _thread = _thread, None
    snapshots.watched.clear()
    if thread is not None:
        _stop.set()
        snapshots.wanted.set()
        thread.join()
        _stop.clear()


def _run() -> None:
    is_begun = False
    while not _stop.is_set():
        try:
            if not is_begun:
                snapshots.load_all()
                is_begun = True
            look()
        except record_reads.RecordAway:
            pass
        except Exception:
            # The thread must outlive what nobody foresaw; the trouble is told, each second.
            logger.exception("decisions.watch_failed")
        snapshots.wanted.wait(PERIOD_S)
        snapshots.wanted.clear()
    record_reads.close()


def _forget_after_fork() -> None:
    global _thread
    _thread = None
    snapshots.watched.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
