"""Triggers, after the commits that set them off: the change feed is read on by a cursor.

One process of several has the cursor at a time, by its row lock. What fires is written together
with the cursor, so whoever is killed has either done both or neither; open pages are told after
the commit, and a notice that a kill has lost is not repeated.
"""

import json
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import DatabaseError, InterfaceError, connection, transaction

from apps.decisions import hot_state, notices, triggers
from apps.decisions.hot_state import Told
from apps.rules import firing
from apps.rules.types import Fired
from apps.work.counting import Counter
from apps.work.feed import Settling

logger = logging.getLogger(__name__)

BATCH: Final = 1_000
EVERY_S: Final = 0.02
LISTENED_S: Final = 1.0  # how old the list of triggers may be
DUE_EVERY_S: Final = 0.25
RETRY_S: Final = 5.0

_fired: Final = Counter("attune_triggers_fired", "Triggers that fired.")
_CURSOR: Final = "SELECT upto FROM rules_triggercursor WHERE id = 1 FOR UPDATE SKIP LOCKED"
_BEGIN: Final = """
INSERT INTO rules_triggercursor (id, upto) VALUES (1, %s) ON CONFLICT (id) DO NOTHING
"""
_MOVE: Final = "UPDATE rules_triggercursor SET upto = %s WHERE id = 1 AND upto < %s"


class Follower:
    """Reads the feed for triggers, a little at each look. One per process."""

    def __init__(self) -> None:
        self._feed = Settling()
        self._active: firing.Active = {}
        self._listened_at = self._looked_at = self._due_at = 0.0
        self._seen = -1  # of the feed: nothing new is no work
        self._limit = BATCH

    def look(self, now: datetime) -> int:
        """Fire what is to be fired by now; how many. Cheap when there is nothing.

        Raises:
            OperationalError: the database is away; nothing was lost.
        """
        now_s = time.monotonic()
        if now_s - self._looked_at < EVERY_S:
            return 0
        self._looked_at = now_s
        try:
            return self._look(now, now_s)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            # The fold goes on; what keeps a batch from being read is found line by line.
            logger.exception("pipeline.triggers_failed", extra={"lines": self._limit})
            self._skip_or_narrow()
            self._looked_at = now_s + RETRY_S
            return 0

    def act(self, now: datetime) -> int:
        """Fire what is to be fired by now, by the triggers as they are this instant; how many."""
        self._active = firing.active_triggers(now)
        return self._read_on(now) + self._take_due(now)

    def _look(self, now: datetime, now_s: float) -> int:
        is_time = now_s - self._listened_at >= LISTENED_S
        if is_time:
            self._active = firing.active_triggers(now)
            self._listened_at = now_s
        total = 0
        if self._active or is_time:
            total += self._read_on(now)
        if now_s - self._due_at >= DUE_EVERY_S and (self._active or is_time):
            self._due_at = now_s
            total += self._take_due(now)
        return total

    def _read_on(self, now: datetime) -> int:
        """Read what the feed says beyond the cursor, which goes along also where nobody listens."""
        upto = self._feed.look()
        if upto <= self._seen:
            return 0
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CURSOR)
            row = cursor.fetchone()
            if row is None:  # another process has it, or it is the first look of all
                cursor.execute(_BEGIN, [upto])
                return 0
            after = int(row[0])
            told = firing.lines(after, upto, list(self._active), self._limit)
            is_all = len(told) < self._limit
            reached = upto if is_all else told[-1].id
            fired = firing.take(told, self._active, is_held_out=triggers.is_held_out, now=now)
            cursor.execute(_MOVE, [reached, reached])
        if is_all:
            self._seen = upto
        self._limit = BATCH
        tell(fired)
        return len(fired)

    def _take_due(self, now: datetime) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CURSOR)
            if cursor.fetchone() is None:
                return 0
            fired = firing.take_due(now, is_held_out=triggers.is_held_out, limit=BATCH)
        tell(fired)
        return len(fired)

    def _skip_or_narrow(self) -> None:
        if self._limit > 1:
            self._limit = 1
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CURSOR)
            row = cursor.fetchone()
            if row is not None:
                told = firing.lines(int(row[0]), self._feed.look(), list(self._active), 1)
                for line in told:
                    logger.error("pipeline.trigger_line_skipped", extra={"line": line.id})
                    cursor.execute(_MOVE, [line.id, line.id])


def tell(fired: Sequence[Fired]) -> None:
    """Tell the open pages of those for whom a trigger has fired."""
    if not fired:
        return
    _fired.add(amount=len(fired))
    hot_state.tell(
        Told(
            profiles=list({one.profile_id for one in fired}),
            fired=[
                notices.Trigger(
                    profile=one.profile_id.bytes,
                    placement=one.placement,
                    rule=one.rule,
                    is_granted=one.is_granted,
                    key=one.key,
                    message="" if one.message is None else json.dumps(one.message),
                )
                for one in fired
            ],
        )
    )
