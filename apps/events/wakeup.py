"""Waking the consumer: NOTIFY, at most one per process and 5 ms, and never a batch left waiting.

A notifying commit takes a lock that all of Postgres shares, so the statement that stores a batch
rings only if this process has not rung just now. A batch that came too soon is rung for a moment
later by a thread, and the consumer's own poll catches what a dying process could not ring for.
"""

import logging
import os
import threading
import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

logger = logging.getLogger(__name__)

CHANNEL = "attune_inbox"
PAUSE_S = 0.005
_IDLE_S = 2.0


class Bell:
    """Decides who rings. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung_at = 0.0
        self._is_owed = threading.Event()
        self._ringer_pid = 0

    def may_ring(self) -> bool:
        """True: ring with the statement that is about to commit. False: it will be rung for later.

        To be followed by `owe` after the commit when False.
        """
        now = time.monotonic()
        with self._lock:
            if now - self._rung_at < PAUSE_S:
                return False
            self._rung_at = now
            return True

    def owe(self) -> None:
        """Have the thread ring within 5 ms. Call it after the commit, or it rings for nothing."""
        if not getattr(settings, "EVENTS_IN_BACKGROUND", True):
            return
        if self._ringer_pid != os.getpid():
            with self._lock:
                is_new = self._ringer_pid != os.getpid()
                self._ringer_pid = os.getpid()
            if is_new:
                threading.Thread(
                    target=self._ring_what_is_owed, name="inbox-bell", daemon=True
                ).start()
        self._is_owed.set()

    def _ring_what_is_owed(self) -> None:
        pause = threading.Event()
        while True:
            if not self._is_owed.wait(_IDLE_S):
                connection.close()  # an idle process keeps no connection for this
                self._is_owed.wait()
            pause.wait(PAUSE_S)
            self._is_owed.clear()
            with self._lock:
                self._rung_at = time.monotonic()
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
            except (DatabaseError, InterfaceError):
                logger.warning("intake.bell_not_rung")
                connection.close()


bell = Bell()
