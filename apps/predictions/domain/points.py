"""Points of a scorecard, from who converted: logistic regression in plain Python.

Ten points double the odds. A combination is which of the named things somebody did; people who did
the same are one row, so there are few rows however many people there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

DOUBLES: Final = 10.0  # points that double the odds
# Pulls points toward 0 as far as one more convert and one more who is not would: whoever did
# something that all of a few converts did has no endless points.
RIDGE: Final = 0.5
ROUNDS: Final = 50
MOST: Final = 12


@dataclass(frozen=True, slots=True)
class Seen:
    """People who did the same things: which, how many they are, and how many converted."""

    did: tuple[bool, ...]
    people: int
    converted: int


def points_of(rows: Sequence[Seen], count: int) -> list[float]:
    """Return the points of each of `count` things, to one decimal; below 0 where it keeps away.

    Raises:
        ValueError: nobody, or more things than MOST.
    """
    if not 0 < count <= MOST or not rows:
        raise ValueError("A scorecard is fitted to people, for one thing at least.")
    weights = [0.0] * (count + 1)
    for _ in range(ROUNDS):
        step = _step(rows, weights)
        weights = [weight + change for weight, change in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-9:
            break
    return [round(DOUBLES * weight / log(2), 1) for weight in weights[1:]]


def _step(rows: Sequence[Seen], weights: Sequence[float]) -> list[float]:
    """One step of Newton's method; the constant is first and not pulled toward 0."""
    size = len(weights)
    slope = [0.0] + [-RIDGE * weight for weight in weights[1:]]
    curve = [[0.0] * size for _ in range(size)]
    for place in range(1, size):
        curve[place][place] = RIDGE
    for row in rows:
        here = [0, *(place + 1 for place, did in enumerate(row.did) if did)]
        logit = sum(weights[place] for place in here)
        chance = 1 / (1 + exp(-max(-30.0, min(30.0, logit))))
        missed = row.converted - row.people * chance
        bend = max(row.people * chance * (1 - chance), 1e-12)
        for place in here:
            slope[place] += missed
            for other in here:
                curve[place][other] += bend
    return _solved(curve, slope)


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination with pivots; the matrix is positive definite."""
    size = len(right)
    rows = [[*matrix[place], right[place]] for place in range(size)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda place: abs(rows[place][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for place in range(column + 1, size):
            share = rows[place][column] / rows[column][column]
            for other in range(column, size + 1):
                rows[place][other] -= share * rows[column][other]
    found = [0.0] * size
    for place in reversed(range(size)):
        known = sum(rows[place][other] * found[other] for other in range(place + 1, size))
        found[place] = (rows[place][size] - known) / rows[place][place]
    return found
