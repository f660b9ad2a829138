"""What was served by arm and day: told by the app that keeps the log of decisions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Served:
    """Answers of one arm, since a day.

    Attributes:
        calls: answers that were given, as far as they were logged; failed: those among them that
            could not be made, so that the default was given in their place.
        shown: of the answers, how many pages told to have shown.
    """

    arm: str
    calls: int
    failed: int
    shown: int


Teller = Callable[[UUID, str, date, date], Sequence[Served]]  # site, experiment, first, last day
_tellers: Final[list[Teller]] = []


def register(teller: Teller) -> None:
    """Have `teller` be asked what was served; called once from an app's ready()."""
    _tellers[:] = [teller]


def served(site_id: UUID, experiment: str, first: date, last: date) -> Sequence[Served]:
    """Return what was served of an experiment, by arm; nothing where nobody knows."""
    return [one for teller in _tellers for one in teller(site_id, experiment, first, last)]
