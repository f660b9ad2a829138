"""What every app that keeps something about a profile promises, and the register of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.profiles.state import StateRow

JSON = Any  # a JSON value


@dataclass(frozen=True, slots=True)
class Division:
    """A merge that is being undone: `loser` lives again beside `winner`.

    Attributes:
        winner: its locked state row; each holder puts its own section right, the caller saves.
        loser: the same of the profile that comes back, as the merge left it: emptied.
        identity_ids: the identities that are the loser's again.
        kept: what this holder's `keep` said at the merge; None for nothing.
        now: when it is undone.
    """

    winner: StateRow
    loser: StateRow
    identity_ids: frozenset[int]
    kept: JSON
    now: datetime


def keeps_nothing(winner: StateRow, loser: StateRow) -> JSON:
    """For holders whose rows say themselves whose they are."""
    return None


@dataclass(frozen=True, slots=True)
class PersonalDataHolder:
    """How one app moves, shows and forgets what it keeps about a profile. Each call repeatable.

    Only `divide` is not: it happens once for each merge.

    `tables` names the database tables it answers for: a test finds the ones nobody named.
    """

    name: str
    tables: tuple[str, ...]
    reassign: Callable[[UUID, UUID], int]  # (from, to) -> rows moved, on identity merge
    export: Callable[[UUID], Iterator[JSON]]  # what the person is entitled to see
    erase: Callable[[UUID], int]  # -> rows erased or made anonymous
    divide: Callable[[Division], int]  # -> rows given back, when a merge is undone
    # (winner, loser) before they move -> what `divide` will need, as JSON; None for nothing
    keep: Callable[[StateRow, StateRow], JSON] = keeps_nothing


_holders: dict[str, PersonalDataHolder] = {}


def register(holder: PersonalDataHolder) -> None:
    """Add a holder; called once from an app's ready()."""
    _holders[holder.name] = holder


def holders() -> tuple[PersonalDataHolder, ...]:
    """Return every registered holder, in order of registration (upstream first)."""
    return tuple(_holders.values())
