"""Carrying out an intent: claim it under a lease, keep the lease alive, record how it ended.

The row is the truth and every step is one conditional UPDATE whose row count tells who won, so that
an intent delivered twice, or delivered to two processes, is performed by one at a time.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from apps.work import clock, holding_back
from apps.work.database import drop_if_broken
from apps.work.error_text import told, without_values
from apps.work.errors import LeaseLost, UnknownIntent
from apps.work.ids import public_id
from apps.work.models import Intent
from apps.work.types import Performer, Work
from engine.errors import PersonalizationError

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
HEARTBEAT_S: Final = 15.0
MAX_ATTEMPTS: Final = 5
FIRST_RETRY: Final = timedelta(seconds=10)
MAX_ERROR_CHARS: Final = 2_000

_performers: dict[str, Performer] = {}


def performs(kind: str) -> Callable[[Performer], Performer]:
    """Register the function that carries out intents of this kind; it must bear being run twice."""

    def register(function: Performer) -> Performer:
        assert _performers.get(kind, function).__qualname__ == function.__qualname__, kind
        _performers[kind] = function
        return function

    return register


def perform(intent_id: UUID, *, now: datetime) -> bool:
    """Carry out one intent if it is free; return whether this call did it successfully.

    A refusal (PersonalizationError) fails the intent at once, because time does not cure it; any
    other error is tried again up to five times, ten seconds later and then four times as long each.
    """
    if holding_back.is_held():
        return False  # it waits, and the sweeper asks again
    holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{public_id('run')}"
    intent = _claim(intent_id, holder, now)
    if intent is None:
        return False
    work = Work(
        intent_id=intent.pk,
        kind=intent.kind,
        site_id=intent.site_id,
        payload=intent.payload,
        attempt=intent.attempts,
        progress=partial(_progress, intent.pk, holder),
    )
    try:
        with _heartbeat(intent.pk, holder):
            performer = _performers.get(intent.kind)
            if performer is None:
                raise UnknownIntent(intent.kind)
            performer(work, now)
    except LeaseLost:
        logger.warning("work.lease_lost", extra={"intent": intent.pk, "kind": intent.kind})
        return False
    except PersonalizationError as error:
        logger.warning("work.refused", extra={"intent": intent.pk, "code": error.code})
        _finish(intent.pk, holder, Intent.State.FAILED, without_values(str(error)))
        return False
    except Exception as error:
        logger.exception("work.failed", extra={"intent": intent.pk, "kind": intent.kind})
        drop_if_broken()
        _retry_or_fail(intent, holder, told(error))
        return False
    _finish(intent.pk, holder, Intent.State.DONE, "")
    return True


def _claim(intent_id: UUID, holder: str, now: datetime) -> Intent | None:
    free = Q(state=Intent.State.WAITING, run_after__lte=now) | Q(
        state=Intent.State.RUNNING, leased_until__lt=now
    )
    claimed = Intent.objects.filter(free, pk=intent_id).update(
        state=Intent.State.RUNNING,
        attempts=F("attempts") + 1,
        leased_by=holder,
        leased_until=now + LEASE,
        error="",
    )
    return Intent.objects.get(pk=intent_id) if claimed else None


def _mine(intent_id: UUID, holder: str) -> Any:
    return Intent.objects.filter(pk=intent_id, state=Intent.State.RUNNING, leased_by=holder)


def _progress(intent_id: UUID, holder: str, done: int, total: int, note: str = "") -> None:
    moved = _mine(intent_id, holder).update(
        done_steps=done, total_steps=total, note=note[:300], leased_until=clock.now() + LEASE
    )
    if not moved:
        raise LeaseLost(intent_id)


@contextmanager
def _heartbeat(intent_id: UUID, holder: str) -> Iterator[None]:
    """Extend the lease from a thread of its own: a long statement must not look like a death."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            try:
                _mine(intent_id, holder).update(leased_until=clock.now() + LEASE)
            except Exception:
                logger.exception("work.heartbeat_failed", extra={"intent": intent_id})
            finally:
                connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{intent_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1.0)


def _finish(intent_id: UUID, holder: str, state: str, error: str) -> None:
    ended = _mine(intent_id, holder).update(
        state=state,
        finished_at=clock.now(),
        leased_by="",
        leased_until=None,
        error=error[:MAX_ERROR_CHARS],
    )
    if not ended:
        logger.warning("work.lease_lost", extra={"intent": intent_id})


def _retry_or_fail(intent: Intent, holder: str, error: str) -> None:
    if intent.attempts >= MAX_ATTEMPTS:
        _finish(intent.pk, holder, Intent.State.FAILED, error)
        return
    pause = FIRST_RETRY * 4 ** (intent.attempts - 1)
    try:
        with transaction.atomic():
            _mine(intent.pk, holder).update(
                state=Intent.State.WAITING,
                run_after=clock.now() + pause,
                leased_by="",
                leased_until=None,
                error=error[:MAX_ERROR_CHARS],
            )
    except IntegrityError:
        # The same was asked for again meanwhile: that one will do it.
        _finish(intent.pk, holder, Intent.State.FAILED, f"Superseded after {error}")
