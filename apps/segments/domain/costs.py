"""Which probability is worth acting on, from what acting costs and what it brings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT: Final = 0.75


def break_even(cost: float, gain: float) -> float | None:
    """Return the least probability p at which p x gain covers the cost of acting; None: never.

    Args:
        cost: of acting on one person, whoever it is; at least 0.
        gain: of acting on one who would have been right; above 0.
    """
    if gain <= 0 or cost < 0 or cost > gain:
        return None
    return cost / gain


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold, and whom it flags. `share` is of the people with a usable score."""

    threshold: float
    people: int
    share: float


def steps(thresholds: Sequence[float], flagged: Sequence[int], scored: int) -> list[Step]:
    """Return the steps of a table, from counts of who scores at least each threshold."""
    return [
        Step(threshold, people, people / scored if scored else 0.0)
        for threshold, people in zip(thresholds, flagged, strict=True)
    ]
