"""How much further down a list is looked at, and what a click there therefore counts. Pure.

Whatever stands first is clicked most, good or not. In an exploring list the place of the explored
item was drawn evenly, so how often such items are clicked by place tells how often each place is
looked at. Clicks weighted by the inverse compare methods whose items stood in different places.

Source: Joachims, Swaminathan and Schnabel, WSDM 2017 (propensities from randomised places).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

LEAST_SHOWN: Final = 1_000  # explored items: fewer tell nothing sure of single places
MOST_WEIGHT: Final = 10.0


def by_place_alone(places: int) -> list[float]:
    """Return 1 / log2(1 + place) for places from 1: what is assumed before there is evidence."""
    return [1.0 / math.log2(1.0 + place) for place in range(1, places + 1)]


def examination(shown: Sequence[int], clicked: Sequence[int]) -> tuple[list[float], bool]:
    """Return how often each place is looked at, the first one as 1, and whether it was measured.

    A place further down is never looked at more than one above it: where clicks say so it is
    chance, and both get what they have together.

    Args:
        shown: how often an explored item stood in each place, from the first.
        clicked: how often it was clicked there.
    """
    if sum(shown) < LEAST_SHOWN or not shown[0] or not clicked[0]:
        return by_place_alone(len(shown)), False
    pools: list[tuple[float, float, int]] = []  # clicks, showings, places
    for times, hits in zip(shown, clicked, strict=True):
        # One showing and half an average click more: no place is never looked at.
        pools.append((hits + clicked[0] / shown[0] / 2, times + 1.0, 1))
        while len(pools) > 1 and pools[-1][0] * pools[-2][1] > pools[-2][0] * pools[-1][1]:
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    first = pools[0][0] / pools[0][1]
    found = [hits / times / first for hits, times, places in pools for _ in range(places)]
    return found, True


def weight(place: int, looked_at: Sequence[float]) -> float:
    """Return what a click on a place (from 1) counts: the inverse of how often it is looked at."""
    return min(MOST_WEIGHT, 1.0 / looked_at[min(place, len(looked_at)) - 1])


def weighted_rate(
    shown: Mapping[int, int], clicked: Mapping[int, int], looked_at: Sequence[float]
) -> float | None:
    """Return clicks a showing as if all had stood first; None without a showing.

    Args:
        shown, clicked: by place, from 1.
    """
    total = sum(shown.values())
    if not total:
        return None
    return sum(times * weight(place, looked_at) for place, times in clicked.items()) / total
