"""What people met and when, as arrays: the one thing that every method learns from. Workers only.

Rows are ordered by person, device and time; people, devices and items are places in lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommendations.domain.kernel import DAY_S

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Strengths = Any  # scipy.sparse.csr_matrix: people x items, positive


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known of an item besides who met it; an empty text or None: not known."""

    category: str = ""
    words: str = ""
    price: float | None = None
    first_seen_s: float | None = None
    is_offered: bool = True


@dataclass(frozen=True)
class Seen:
    """One row for each event.

    Attributes:
        person, device, item: places; a device belongs to one person.
        at_s: when, in Unix seconds.
        weight: how much the event tells of a liking.
        is_step: it is of the event that makes up the walk through the shop.
        codes: of the items, by place.
        people: how many there are.
    """

    person: Ints
    device: Ints
    item: Ints
    at_s: Floats
    weight: Floats
    is_step: NDArray[np.bool_]
    codes: Sequence[str]
    people: int

    def __len__(self) -> int:
        return len(self.item)

    def taken(self, rows: NDArray[Any]) -> "Seen":
        """Return these rows only; places stay what they are."""
        return Seen(
            self.person[rows], self.device[rows], self.item[rows], self.at_s[rows],
            self.weight[rows], self.is_step[rows], self.codes, self.people,
        )  # fmt: skip

    def until(self, cut_s: float) -> "Seen":
        """Return what happened up to a moment, the moment included."""
        return self.taken(self.at_s <= cut_s)

    @cached_property
    def newest_s(self) -> float:
        """When the newest event was; 0 without one."""
        return float(self.at_s.max()) if len(self) else 0.0

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Events by item."""
        return np.bincount(self.item, minlength=len(self.codes))

    def digest(self) -> str:
        """SHA-256 of everything that is learned from."""
        found = sha256("\x1f".join(self.codes).encode())
        for part in (self.person, self.device, self.item, self.at_s, self.weight, self.is_step):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Pairs:
    """Consecutive steps of one device, less than a session's idle time apart.

    Attributes:
        first, second: places of rows of `Seen`.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]


def pairs_of(seen: Seen, idle_s: float) -> Pairs:
    """Return the pairs of consecutive steps, in the order of the rows."""
    steps = np.flatnonzero(seen.is_step)
    one, other = steps[:-1], steps[1:]
    near = (
        (seen.person[one] == seen.person[other])
        & (seen.device[one] == seen.device[other])
        & (seen.at_s[other] - seen.at_s[one] < idle_s)
    )
    return Pairs(one[near], other[near])


def fading(seen: Seen, half_life_days: float, as_of_s: float) -> Floats:
    """Return what each row counts as of a moment: its weight, halved every half-life."""
    age = np.maximum(as_of_s - seen.at_s, 0.0) / DAY_S
    faded: Floats = seen.weight * 0.5 ** (age / half_life_days)
    return faded


def strengths_of(seen: Seen, half_life_days: float, as_of_s: float) -> Strengths:
    """Return people x items: log2(1 + the sum of what each event counts as of a moment)."""
    values = fading(seen, half_life_days, as_of_s)
    shape = (seen.people, len(seen.codes))
    summed = sparse.coo_matrix((values, (seen.person, seen.item)), shape).tocsr()
    summed.data = np.log2(1.0 + summed.data)
    summed.eliminate_zeros()  # so long ago that nothing is left
    return summed


def popularity_of(seen: Seen, half_life_days: float, as_of_s: float) -> Floats:
    """Return what all events of each item count as of a moment."""
    values = fading(seen, half_life_days, as_of_s)
    found: Floats = np.bincount(seen.item, values, len(seen.codes)).astype(np.float64)
    return found


def facts_in_order(seen: Seen, facts: Mapping[str, ItemFacts]) -> list[ItemFacts]:
    """Return what is known of each item of `seen`, by its place."""
    unknown = ItemFacts()
    return [facts.get(code, unknown) for code in seen.codes]
