"""What becomes of what was collected for a purpose that somebody has taken back.

At once, in the transaction of the choice: nothing derived is left where anything reads it. Then, by
an intent within seconds, the past: stamps of events lose the purpose, and what nothing else allows
is deleted. A later yes does not bring any of it back: it waits until the past is clear.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from apps.consent.types import ALL_PURPOSES, Purpose
from apps.consent.vouching import vouched_sites
from apps.profiles import state as rows_of
from apps.profiles import trait_kinds
from apps.profiles.forgetting import LISTED, forget_observations
from apps.profiles.state import StateRow
from apps.work import clock
from apps.work import services as work

CLEAR: Final = "consent.clear"
# What is written late (a record of a decision, an event from a journal) is looked for once more.
AGAIN: Final = timedelta(hours=1)
# Longer than a transaction may wait, and than clocks of servers differ.
SLACK: Final = timedelta(minutes=1)

# Of the stamp of an event: what is set when allowed, and what is set when refused.
_STAMPED: Final = ALL_PURPOSES | int(Purpose.SENSITIVE)
_GOING: Final = int(
    Purpose.MODEL_TRAINING
    | Purpose.RECOMMENDATION
    | Purpose.TRIGGERS
    | Purpose.EXPERIMENTS
    | Purpose.AUDIENCES
    | Purpose.TARGETING
    | Purpose.SETTINGS
)
# An event that serves none of these is kept for nothing.
_KEEPS_AN_EVENT: Final = int(
    Purpose.ANALYTICS | Purpose.PERSONALIZATION | Purpose.ADVERTISING | Purpose.SALE
)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Purposes that somebody has taken back.

    Attributes:
        bits: which, as bits of `Purpose`.
        epoch: what was stored under a lower one goes. Clocks do not tell: an event may come in
            while the choice waits for the state row, and be stored before it.
        until: when it was; what came in much later is not meant, whatever its epoch.
        is_suspended: nothing is deleted: it may be used again once the obstacle is gone.
    """

    site_id: UUID
    profile_id: UUID
    bits: int
    epoch: int
    until: datetime
    is_suspended: bool = False

    def has(self, *purposes: Purpose) -> bool:
        """Whether one of these is among them."""
        return any(self.bits & int(purpose) for purpose in purposes)


@dataclass(frozen=True, slots=True)
class Clearing:
    """How one app forgets what it has collected or derived for purposes. Each call repeatable.

    Attributes:
        at_once: in the transaction of the choice, with the state row locked: what others read.
        later: the rest; returns how many rows are gone or emptied.
    """

    name: str
    at_once: Callable[[TakenBack], None] | None = None
    later: Callable[[TakenBack], int] | None = None


_clearings: dict[str, Clearing] = {}


def register(clearing: Clearing) -> None:
    """Add an app's; called once from its ready()."""
    _clearings[clearing.name] = clearing


def clearings() -> tuple[Clearing, ...]:
    """Return every registered one, upstream first."""
    return tuple(_clearings.values())


def follow(row: StateRow, *, granted: int, denied: int, now: datetime) -> None:
    """Draw the consequences of a choice that has just been written into the locked row.

    What was refused is emptied in the row (the caller saves it) and in what others read, and an
    intent is asked for the past. A yes after a refusal clears the past first.

    Args:
        granted, denied: as the row said before, as bits.
    """
    regained = denied & row.granted & ~row.denied
    if regained:
        clear(row, _taken(row, regained, now))
    refused = row.denied & ~denied
    ended = granted & ~row.granted & ~row.denied
    if ended and row.site_id in vouched_sites([row.site_id]):
        ended = 0  # silence is a yes there
    if refused:
        take_back(row, refused, now=now)
    if ended:
        take_back(row, ended, now=now)


def take_back(row: StateRow, bits: int, *, now: datetime) -> None:
    """Empty what is derived in a locked row and ask for the past to be cleared.

    For whatever ends a purpose: a refusal, the end of a yes, an objection. The caller saves it.
    """
    taken = _taken(row, bits, now)
    if taken.has(Purpose.PERSONALIZATION):
        row.history = row.memberships = row.caps = b""
        row.traits = {key: row.traits[key] for key in row.traits if key.startswith(LISTED)}
    elif taken.has(Purpose.TARGETING):
        row.memberships = b""
    if taken.has(Purpose.SENSITIVE):
        kinds = trait_kinds.kinds_of(row.site_id)
        for key in [key for key in row.traits if kinds.of(key) == trait_kinds.SENSITIVE]:
            del row.traits[key]
    _at_once(taken)
    for place, run_after in enumerate((None, now + AGAIN)):
        work.ask(
            CLEAR,
            key=f"{row.profile_id.hex}:{row.consent_epoch}:{place}",
            site_id=row.site_id,
            payload={
                "profile": row.profile_id.hex,
                "bits": bits,
                "epoch": taken.epoch,
                "until_ms": clock.to_ms(taken.until),
            },
            queue="fast" if run_after is None else "slow",
            run_after=run_after,
            now=now,
        )


def suspend(row: StateRow, *, now: datetime) -> None:
    """Take a locked row out of all use, keeping what is stored: a restriction. The caller saves."""
    row.memberships = b""
    bits = int(Purpose.PERSONALIZATION | Purpose.TARGETING | Purpose.TRIGGERS)
    _at_once(replace(_taken(row, bits, now), is_suspended=True))


def _taken(row: StateRow, bits: int, now: datetime) -> TakenBack:
    """With the row locked, and its epoch that of the choice."""
    # Whoever chose may have waited for the row; what was done meanwhile is of before, too.
    until = max(now, clock.now())
    return TakenBack(row.site_id, row.profile_id, bits, row.consent_epoch, until)


def _at_once(taken: TakenBack) -> None:
    for clearing in clearings():
        if clearing.at_once is not None:
            clearing.at_once(taken)


def clear(row: StateRow, taken: TakenBack) -> int:
    """Forget what was collected for purposes until then; return the rows that are gone or emptied.

    Safe to run twice. The caller holds the lock of the state row, and saves it where its traits
    have changed: a merge may have brought traits in since that were observed before the choice.
    """
    count = _clear_traits(row, taken)
    for clearing in clearings():
        if clearing.later is not None:
            count += clearing.later(taken)
    return count


def _clear_traits(row: StateRow, taken: TakenBack) -> int:
    if not taken.has(Purpose.PERSONALIZATION, Purpose.SENSITIVE):
        return 0
    count, forgotten = forget_observations(
        taken.site_id,
        taken.profile_id,
        before_epoch=taken.epoch,
        until=taken.until + SLACK,
        only_sensitive=not taken.has(Purpose.PERSONALIZATION),
    )
    if not forgotten.isdisjoint(row.traits):
        row.traits = {key: row.traits[key] for key in row.traits if key not in forgotten}
    return count


def settle(row: StateRow) -> None:
    """Clear at once what a profile has taken back and what still waits to be cleared.

    For a locked row that becomes part of another: what was its own cannot be told from the other's
    afterwards. One query, seldom more.
    """
    for payload in work.waiting_for(
        CLEAR, site_id=row.site_id, key_prefix=f"{row.profile_id.hex}:"
    ):
        clear(row, _told(row.site_id, payload))


def _told(site_id: UUID, payload: Mapping[str, Any]) -> TakenBack:
    """What an intent says was taken back."""
    until = clock.from_ms(payload["until_ms"])
    bits, epoch = int(payload["bits"]), int(payload["epoch"])
    return TakenBack(site_id, UUID(payload["profile"]), bits, epoch, until)


@work.performs(CLEAR)
def _clear(job: work.Work, now: datetime) -> None:
    from apps.consent.writing import save  # which draws consequences by this module

    assert job.site_id is not None
    taken = _told(job.site_id, job.payload)
    with transaction.atomic():
        # Whoever writes both takes the state row first.
        for row in rows_of.lock([taken.profile_id]):
            traits = row.traits
            clear(row, taken)
            if row.traits is not traits:
                save([row], now)


# What waited while somebody changed their mind


class Waited(NamedTuple):
    """Something of a profile that came in at a time, under an epoch, and is stored only now."""

    profile_id: UUID
    received_at: datetime
    epoch: int


_REFUSED_SINCE = """
SELECT w.profile_id, w.received_at, w.epoch,
  bit_or(e.denied_after | (e.granted_before & ~e.granted_after))
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[]) AS w(profile_id, received_at, epoch)
JOIN consent_consentevent e ON e.profile_id = w.profile_id AND (e.at >= w.received_at
  OR e.epoch > w.epoch AND e.at >= w.received_at - %s)
GROUP BY 1, 2, 3
"""


def refused_since(waited: Collection[Waited]) -> dict[Waited, int]:
    """Return the purposes that were refused, or ended, after something came in. One statement.

    Also those that were agreed to again since: what was collected before stays out.
    """
    asked = list(dict.fromkeys(waited))
    with connection.cursor() as cursor:
        ids, moments, epochs = zip(*asked, strict=True)
        parameters: list[Any] = [list(map(str, ids)), list(moments), list(epochs), SLACK]
        cursor.execute(_REFUSED_SINCE, parameters)
        return {Waited(*row): int(bits) for *row, bits in cursor.fetchall()}


def sql_is_for_nothing(column: str) -> str:
    """Return a condition of SQL: an event with this stamp is kept for no purpose any more."""
    return f"({column} & {_KEEPS_AN_EVENT}) = 0"


def sql_without(column: str, taken: TakenBack) -> str:
    """Return an expression of SQL: the stamp of an event's row without what was taken back."""
    gone = taken.bits & _STAMPED
    if gone & int(Purpose.ADVERTISING):
        gone |= int(Purpose.SALE)
    return f"(({column} & {~gone}) | {taken.bits & _GOING})"
