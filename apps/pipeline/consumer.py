"""The consumer's loop: woken by NOTIFY, falling back to a short poll, timers in between.

A wake-up is only a hint. What must be folded is in the inbox, what must be flipped in the due
table; a consumer that missed every notice is late by one poll, never wrong.
"""

import contextlib
import logging
import select
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg2
from django.db import DatabaseError, InterfaceError, connection, connections

from apps.events import journal
from apps.pipeline import fold, timers, triggering
from apps.pipeline.clock_steps import ClockWatch
from apps.work import alive, clock, holding_back
from apps.work.counting import Counter

logger = logging.getLogger(__name__)

CHANNEL = "attune_inbox"
POLL_S = 0.05
TIMERS_EVERY_S = 0.02
# So many events in one fold are a rush: let a few milliseconds gather the next ones, because
# folding them in small numbers costs twice as much an event. Where fewer come, nobody is made to
# wait.
RUSH = 60
LINGER_S = 0.006
RETRY_S = 1.0
JOURNALS_EVERY_S = 2.0
HELD_EVERY_S = 5.0

_batches: Final = Counter("attune_folded_batches", "Batches folded by the consumer.")
_events: Final = Counter("attune_folded_events", "Events folded by the consumer.")


class Consumer:
    """Folds until told to stop. One per process."""

    def __init__(self, *, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._voice = alive.Voice("consumer")
        self._listener: Any = None
        self._clock = ClockWatch()
        self._triggers = triggering.Follower()
        self._timers_at = 0.0
        self._journals_at = 0.0
        self._held_at = 0.0

    def run(self) -> None:
        """Work until `should_stop`; survives the database going away."""
        while not self._should_stop():
            self._voice.say()
            if self._is_held():
                time.sleep(RETRY_S)
                continue
            try:
                self._listen()
                self._drain()
                self._wait()
            except (DatabaseError, InterfaceError, psycopg2.Error):
                logger.exception("pipeline.database_away")
                self._forget_connections()
                time.sleep(RETRY_S)
        self._forget_connections()

    def _is_held(self) -> bool:
        """Whether nothing may be folded: a restored backup lacks erasures. Asked now and then."""
        now_s = time.monotonic()
        if now_s >= self._held_at:
            self._held_at = now_s + HELD_EVERY_S
            holding_back.look()
        return holding_back.is_held()

    def _drain(self) -> None:
        """Work until nothing waits: a fold and a batch of timers in turn, so that none starves."""
        while not self._should_stop():
            self._voice.say()
            self._take_up_journals()
            now = clock.now()
            self._clock.look(now)
            folded = fold.fold_once(now=now)
            has_more_due = self._flip_due()
            self._triggers.look(clock.now())
            if folded is fold.NOTHING:
                if not has_more_due:
                    return
                continue
            logger.debug("pipeline.folded", extra=folded._asdict())
            _batches.add(amount=folded.batches)
            _events.add(amount=folded.events)
            if folded.events >= RUSH and not has_more_due:
                time.sleep(LINGER_S)

    def _take_up_journals(self) -> None:
        """Now and then, move what a killed web process had answered but not stored."""
        now_s = time.monotonic()
        if now_s >= self._journals_at:
            self._journals_at = now_s + JOURNALS_EVERY_S
            journal.move_abandoned()

    def _flip_due(self) -> bool:
        """Flip one batch, unless there was none left a moment ago. True: more are waiting."""
        now_s = time.monotonic()
        if now_s < self._timers_at:
            return False
        has_more = timers.fold_due(now=clock.now(), limit=timers.BATCH) == timers.BATCH
        if not has_more:
            self._timers_at = now_s + TIMERS_EVERY_S
        return has_more

    def _wait(self) -> None:
        """Sleep until a notice, or until the next look at the timers or the poll."""
        until = time.monotonic() + POLL_S
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._listener], [], [], min(left, TIMERS_EVERY_S))
            if ready:
                self._listener.poll()
                self._listener.notifies.clear()
                return
            self._triggers.look(clock.now())
            if self._flip_due():
                return

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
