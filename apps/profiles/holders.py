"""What every app that keeps something about a profile promises, and the register of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

JSON = Any  # a JSON value


@dataclass(frozen=True, slots=True)
class PersonalDataHolder:
    """How one app moves, shows and forgets what it keeps about a profile. Each call repeatable.

    `tables` names the database tables it answers for: a test finds the ones nobody named.
    """

    name: str
    tables: tuple[str, ...]
    reassign: Callable[[UUID, UUID], int]  # (from, to) -> rows moved, on identity merge
    export: Callable[[UUID], Iterator[JSON]]  # what the person is entitled to see
    erase: Callable[[UUID], int]  # -> rows erased or made anonymous


_holders: dict[str, PersonalDataHolder] = {}


def register(holder: PersonalDataHolder) -> None:
    """Add a holder; called once from an app's ready()."""
    _holders[holder.name] = holder


def holders() -> tuple[PersonalDataHolder, ...]:
    """Return every registered holder, in order of registration (upstream first)."""
    return tuple(_holders.values())
