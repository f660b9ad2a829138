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


Asked = tuple[str, date, date]  # an experiment's key, first and last day
Teller = Callable[[UUID, Sequence[Asked]], Sequence[Sequence[Served]]]  # of a site, in this order
_tellers: Final[list[Teller]] = []


def register(teller: Teller) -> None:
    """Have `teller` be asked what was served; called once from an app's ready()."""
    _tellers[:] = [teller]


def served(site_id: UUID, asked: Sequence[Asked]) -> list[list[Served]]:
    """Return what was served of a site's experiments, in the order asked, each by arm.

    Nothing of those nobody knows of. One query at most.
    """
    found: list[list[Served]] = [[] for _ in asked]
    for teller in _tellers:
        for mine, rows in zip(found, teller(site_id, asked), strict=True):
            mine += rows
    return found
