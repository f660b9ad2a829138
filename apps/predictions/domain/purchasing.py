"""Customers as models of value see them: on which days they bought, for how much, net of refunds.

Two orders on one day are one purchase. A refund takes from the latest purchases before it, so a day
of which everything was given back is no purchase at all.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
# (customer, day, bought, refunded): one row a customer and day; days count up from anywhere.
DaySum = tuple[Hashable, int, float, float]

_CENT: Final = 0.005  # a day worth less than half a cent has been given back


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers as of the end of a day; float64 (customers,) each, times in days.

    Attributes:
        x: days with a purchase after the first.
        t_x: from the first purchase to the last; age: from the first to now.
        value: the mean of the days with a purchase; spent: their sum.
    """

    ids: list[Hashable]
    x: Vector
    t_x: Vector
    age: Vector
    value: Vector
    spent: Vector

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def recency(self) -> Vector:
        """Days since the last purchase."""
        found: Vector = self.age - self.t_x
        return found


def net_days(rows: Iterable[DaySum]) -> dict[Hashable, list[tuple[int, float]]]:
    """Return each customer's days with a purchase, oldest first, with what was kept of it."""
    found: dict[Hashable, list[tuple[int, float]]] = {}
    ordered = sorted(rows, key=lambda row: (str(row[0]), row[1]))
    for customer, own in groupby(ordered, key=itemgetter(0)):
        days: list[tuple[int, float]] = []
        for _, day, bought, refunded in own:
            if bought > 0:
                days.append((day, float(bought)))
            _give_back(days, float(refunded))
        if days:
            found[customer] = days
    return found


def _give_back(days: list[tuple[int, float]], owed: float) -> None:
    """Take a refund from the latest days; of what was never bought here nothing is owed."""
    while owed > _CENT and days:
        day, kept = days.pop()
        if kept - owed > _CENT:
            days.append((day, kept - owed))
        owed -= kept


def customers_at(rows: Iterable[DaySum], *, until: int, since: int | None = None) -> Customers:
    """Return whoever bought by the end of a day, as it was known then.

    Args:
        since: purchases of earlier days are left out; None: none is.
    """
    known = net_days(row for row in rows if row[1] <= until and (since is None or row[1] >= since))
    ids = list(known)
    days = [known[one] for one in ids]
    first = np.asarray([own[0][0] for own in days], float)
    last = np.asarray([own[-1][0] for own in days], float)
    counts = np.asarray([len(own) for own in days], float)
    spent = np.asarray([sum(value for _, value in own) for own in days], float)
    return Customers(
        ids, counts - 1, last - first, until - first, spent / np.maximum(counts, 1), spent
    )


def bought_between(
    rows: Iterable[DaySum], ids: list[Hashable], *, after: int, until: int
) -> tuple[Vector, Vector]:
    """Return how many days each of these bought on in (after, until], and for how much, net."""
    known = net_days(row for row in rows if after < row[1] <= until)
    counts = np.asarray([len(known.get(one, ())) for one in ids], float)
    spent = np.asarray([sum(value for _, value in known.get(one, ())) for one in ids], float)
    return counts, spent
