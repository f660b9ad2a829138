"""For whom something was decided: told by the app that keeps the log of decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Asked:
    """A profile for whom something was decided by one publication.

    Attributes:
        unit_id: what it is bucketed by.
        first_at: of the decisions that were asked about.
        held, decided: keys of placements whose answers were that it is held out, or anything else
            that comes after holdouts.
        segments: [[key, version], ...] that it was in then.
    """

    profile_id: UUID
    unit_id: str
    publication: int
    first_at: datetime
    held: Sequence[str]
    decided: Sequence[str]
    segments: Sequence[Sequence[object]]


Teller = Callable[[UUID, datetime, datetime], Sequence[Asked]]  # site, since, until
_tellers: Final[list[Teller]] = []


def register(teller: Teller) -> None:
    """Have `teller` be asked; called once from an app's ready()."""
    _tellers[:] = [teller]


def asked(site_id: UUID, since: datetime, until: datetime) -> Sequence[Asked]:
    """Return for whom something was decided from `since` up to `until`."""
    return [one for teller in _tellers for one in teller(site_id, since, until)]
