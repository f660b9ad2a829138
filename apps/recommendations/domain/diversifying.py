"""Lists that are not ten times the same: relevance weighed against likeness. Pure.

Source: Carbonell and Goldstein, SIGIR 1998 (maximal marginal relevance).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def diversified(
    ranked: Sequence[tuple[Item, float]],
    likeness: Callable[[Item, Item], float],
    count: int,
    weight: float,
) -> list[tuple[Item, float]]:
    """Choose items one by one: the most relevant, less what it has in common with those chosen.

    Args:
        ranked: (item, relevance), best first; relevance and likeness are on one scale, 0 to 1.
        weight: of relevance, 0 to 1; at 1 the order stays.

    Raises:
        ValueError: a weight outside 0..1.
    """
    if not 0 <= weight <= 1:
        raise ValueError("The weight of relevance lies in 0..1.")
    left = list(ranked)
    chosen: list[tuple[Item, float]] = []
    nearest = [0.0] * len(left)  # likeness to the chosen item that is most alike
    while left and len(chosen) < count:
        place = max(
            range(len(left)), key=lambda i: (weight * left[i][1] - (1 - weight) * nearest[i], -i)
        )
        item, relevance = left.pop(place)
        nearest.pop(place)
        chosen.append((item, relevance))
        nearest = [
            max(known, likeness(item, other))
            for known, (other, _) in zip(nearest, left, strict=True)
        ]
    return chosen
