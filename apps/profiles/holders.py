"""What every app that keeps something about a profile promises, and the register of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apps.profiles.state import StateRow

JSON = Any  # a JSON value
# use: what answers are given from; intake: what waits to be stored.
Stage = Literal["use", "intake", "live", "derived", "files", "models"]


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
class Subject:
    """Everybody and everything that one person is known by, collected before anything is erased.

    Attributes:
        profile_ids: the person's profile and those merged into it.
        names: (kind, value) of every identity that is the person's alone.
        message_ids: of the person's events, read when called.
        shared: (kind, value, since, until) of devices that others use too: what happened there in
            between is the person's. None: from ever, or until now and on.
    """

    site_id: UUID
    profile_ids: tuple[UUID, ...]
    names: tuple[tuple[str, str], ...]
    message_ids: Callable[[], Iterator[str]]
    shared: tuple[tuple[str, str, datetime | None, datetime | None], ...] = ()

    def owns(self, kind: str, value: str, at: datetime) -> bool:
        """Whether what happened then under this identity is the person's."""
        return (kind, value) in self.names or any(
            (kind, value) == (its_kind, its_value)
            and (since is None or since <= at)
            and (until is None or at < until)
            for its_kind, its_value, since, until in self.shared
        )


def has_nothing_named(subject: Subject) -> int:
    """For holders whose rows are all found by the profile."""
    return 0


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
    # What is found by identity, message or file and not by profile -> things erased. Repeatable.
    erase_named: Callable[[Subject], int] = has_nothing_named
    stage: Stage = "live"  # when an erasure comes to it
    # Files and the like: what `erase_named` counts is what it found, the same when it comes again.
    is_outside: bool = False


def found_by_name(
    name: str,
    tables: tuple[str, ...],
    erase_named: Callable[[Subject], int],
    stage: Stage,
    *,
    is_outside: bool = False,
) -> PersonalDataHolder:
    """Return a holder of what no profile points at: nothing of it moves, or is shown."""
    return PersonalDataHolder(
        name=name,
        tables=tables,
        reassign=lambda old, new: 0,
        export=lambda profile_id: iter(()),
        erase=lambda profile_id: 0,
        divide=lambda division: 0,
        erase_named=erase_named,
        stage=stage,
        is_outside=is_outside,
    )


_holders: dict[str, PersonalDataHolder] = {}


def register(holder: PersonalDataHolder) -> None:
    """Add a holder; called once from an app's ready()."""
    _holders[holder.name] = holder


def holders() -> tuple[PersonalDataHolder, ...]:
    """Return every registered holder, in order of registration (upstream first)."""
    return tuple(_holders.values())
