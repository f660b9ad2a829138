"""The consumer's loop: woken by NOTIFY, falling back to a short poll, timers in between.

A wake-up is only a hint. What must be folded is in the inbox, what must be flipped in the due
table; a consumer that missed every notice is late by one poll, never wrong.
"""

import contextlib
import gc
import logging
import select
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from django.db import DatabaseError, InterfaceError, connection, connections

from apps.events import journal
from apps.pipeline import fold
from apps.work import clock

logger = logging.getLogger(__name__)

CHANNEL = "attune_inbox"
POLL_S = 0.05
TIMERS_EVERY_S = 0.02
# More than one batch waiting: let a few milliseconds gather the next ones. Folding each alone
# costs twice as much per event, and nobody waits for less than this.
LINGER_S = 0.006
RETRY_S = 1.0
JOURNALS_EVERY_S = 2.0


def spare_the_collector() -> None:
    """Have Python look for cycles rarely, and never among what the start has made.

    A fold makes thousands of small objects and few cycles: collecting at every 700 of them,
    start-up objects and all, would take a fifth of its time, and now and then a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class Consumer:
    """Folds until told to stop. One per process."""

    def __init__(self, *, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._listener: Any = None
        self._timers_at = 0.0
        self._journals_at = 0.0

    def run(self) -> None:
        """Work until `should_stop`; survives the database going away."""
        while not self._should_stop():
            try:
                self._listen()
                self._drain()
                self._wait()
            except (DatabaseError, InterfaceError, psycopg2.Error):
                logger.exception("pipeline.database_away")
                self._forget_connections()
                time.sleep(RETRY_S)
        self._forget_connections()

    def _drain(self) -> None:
        while not self._should_stop():
            self._take_up_journals()
            folded = fold.fold_once(now=clock.now())
            self._flip_due()
            if folded is fold.NOTHING:
                return
            logger.debug("pipeline.folded", extra=folded._asdict())
            if folded.batches > 1:
                time.sleep(LINGER_S)

    def _take_up_journals(self) -> None:
        """Now and then, move what a killed web process had answered but not stored."""
        now_s = time.monotonic()
        if now_s >= self._journals_at:
            self._journals_at = now_s + JOURNALS_EVERY_S
            journal.move_abandoned()

    def _flip_due(self) -> None:
        now_s = time.monotonic()
        if now_s < self._timers_at:
            return
        self._timers_at = now_s + TIMERS_EVERY_S
        while fold.fold_due(now=clock.now()) and not self._should_stop():
            continue

    def _wait(self) -> None:
        """Sleep until a notice, or until the next look at the timers or the poll."""
        until = time.monotonic() + POLL_S
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._listener], [], [], min(left, TIMERS_EVERY_S))
            if ready:
                self._listener.poll()
                self._listener.notifies.clear()
                return
            self._flip_due()

    def _listen(self) -> None:
        if self._listener is not None:
            return
        # A connection of its own: Django's one is in a transaction when notices come.
        parameters = connection.get_connection_params()
        for name in ("cursor_factory", "client_encoding"):
            parameters.pop(name, None)
        listener = psycopg2.connect(**parameters)
        listener.autocommit = True
        with listener.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._listener = listener

    def _forget_connections(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(psycopg2.Error):
                self._listener.close()
            self._listener = None
        connections.close_all()
