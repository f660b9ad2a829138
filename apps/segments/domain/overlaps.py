"""How sets of people overlap, from the number of people in each exact combination of sets.

A combination is a bit mask: bit i is set for who is in the i-th set. The counts of all combinations
say everything about the sets, so nothing here asks the database again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

MAX_SETS: Final = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sets, by their places. `only_left` are in the left one and not in the right one.

    Attributes:
        jaccard: both / either; None where both are empty.
        coefficient: both / the smaller one; None where that is empty.
    """

    left: int
    right: int
    both: int
    only_left: int
    only_right: int
    jaccard: float | None
    coefficient: float | None


@dataclass(frozen=True, slots=True)
class Combination:
    """The people who are in these sets (by place, ascending) and in none of the others."""

    places: tuple[int, ...]
    people: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sets that overlap.

    Attributes:
        sizes: people by set.
        pairs: by (left, right), left < right.
        combinations: the largest first.
        union: people in any set.
    """

    sizes: tuple[int, ...]
    pairs: Mapping[tuple[int, int], Pair]
    combinations: tuple[Combination, ...]
    union: int

    def both(self, left: int, right: int) -> int:
        """People in both; of a set with itself, its size."""
        return self.sizes[left] if left == right else self.pair(left, right).both

    def firsts(self, order: Sequence[int]) -> tuple[int, ...]:
        """People whose first set in an order is this one, by set: what an exclusive group leaves.

        Args:
            order: every place once, the set that comes first at the front.
        """
        rank = {place: number for number, place in enumerate(order)}
        found = [0] * len(self.sizes)
        for one in self.combinations:
            found[min(one.places, key=rank.__getitem__)] += one.people
        return tuple(found)

    def pair(self, left: int, right: int) -> Pair:
        """Two different sets, the given one on the left."""
        if left < right:
            return self.pairs[left, right]
        turned = self.pairs[right, left]
        return Pair(
            left, right, turned.both, turned.only_right, turned.only_left, turned.jaccard,
            turned.coefficient,
        )  # fmt: skip


def overlap(count: int, people: Mapping[int, int]) -> Overlap:
    """Return how `count` sets overlap.

    Args:
        people: mask -> people in exactly these sets; 0 (in none) is passed over.
    """
    if not 0 <= count <= MAX_SETS:
        raise ValueError(f"at most {MAX_SETS} sets, not {count}")
    found = {mask: number for mask, number in people.items() if mask and number}
    sizes = tuple(_within(1 << place, found) for place in range(count))
    pairs = {
        (left, right): _pair(left, right, sizes, found)
        for left, right in combinations(range(count), 2)
    }
    exact = [
        Combination(tuple(place for place in range(count) if mask >> place & 1), number)
        for mask, number in found.items()
    ]
    exact.sort(key=lambda one: (-one.people, len(one.places), one.places))
    return Overlap(sizes, pairs, tuple(exact), sum(found.values()))


def _within(mask: int, people: Mapping[int, int]) -> int:
    """People in all sets of a mask, whatever else they are in."""
    return sum(number for found, number in people.items() if found & mask == mask)


def _pair(left: int, right: int, sizes: tuple[int, ...], people: Mapping[int, int]) -> Pair:
    both = _within(1 << left | 1 << right, people)
    either = sizes[left] + sizes[right] - both
    smaller = min(sizes[left], sizes[right])
    return Pair(
        left=left,
        right=right,
        both=both,
        only_left=sizes[left] - both,
        only_right=sizes[right] - both,
        jaccard=both / either if either else None,
        coefficient=both / smaller if smaller else None,
    )
