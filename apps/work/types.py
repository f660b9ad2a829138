"""A piece of running work, as its performer sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Work:
    """One intent in the hands of this process.

    Call `progress(done, total, note)` now and then: it shows in the admin and extends the lease.
    It raises `LeaseLost` when another process has taken the intent over: stop then.
    """

    intent_id: UUID
    kind: str
    site_id: UUID | None
    payload: dict[str, Any]
    attempt: int
    progress: "Progress"


Performer = Callable[[Work, datetime], None]


class Progress(Protocol):
    """Records steps done of a total, and a word about them."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an intent is. `state` is waiting, running, done or failed; `error` says why."""

    kind: str
    state: str
    done_steps: int
    total_steps: int
    note: str
    error: str
