"""What a threshold would have done in the past days: whom it would have met, and how wrongly.

Everything here is counted over people who were followed through the same days. A *trigger* is a
person and a day on which they meet the threshold at some moment. A trigger is *false* when the
person does not do the goal within the horizon after the first moment at which they met it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10, sqrt
from typing import Final

DAY_MS: Final = 86_400_000
Z: Final = 1.959963984540054  # of a 95 % interval

_MEETS: Final[dict[str, Callable[[float, float], bool]]] = {
    "gt": lambda value, number: value > number,
    "gte": lambda value, number: value >= number,
    "lt": lambda value, number: value < number,
    "lte": lambda value, number: value <= number,
}


@dataclass(frozen=True, slots=True)
class Followed:
    """One person over the days of the baseline. Times in ms, ascending.

    Attributes:
        measured: (instant, what the leaf measures there); None where it measures nothing.
        goals: when they did the goal.
    """

    measured: Sequence[tuple[int, float | None]]
    goals: Sequence[int]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one threshold does. `people` of all who were followed meet it at some moment.

    Attributes:
        days: person-days on which it is met.
        judged: those of the people whose horizon has passed.
        missed: those of them who did not do the goal within it: false triggers.
    """

    people: int
    days: int
    judged: int
    missed: int


def effect(
    followed: Iterable[Followed], op: str, number: float, *, horizon_ms: int, end_ms: int
) -> Effect:
    """Count what `measured op number` would have done; `op` is gt, gte, lt or lte.

    Args:
        horizon_ms: how long after meeting it the goal still counts.
        end_ms: when the baseline ends: who met it within a horizon before cannot be judged yet.
    """
    meets = _MEETS[op]
    people = days = judged = missed = 0
    for one in followed:
        met = [at for at, value in one.measured if value is not None and meets(value, number)]
        if not met:
            continue
        people += 1
        days += len({at // DAY_MS for at in met})
        first = met[0]
        if first + horizon_ms <= end_ms:
            judged += 1
            missed += not any(first < at <= first + horizon_ms for at in one.goals)
    return Effect(people, days, judged, missed)


def best_of(one: Followed, op: str) -> float | None:
    """The value of a person that comes nearest to meeting `op`: the greatest, or the least."""
    values = [value for _, value in one.measured if value is not None]
    if not values:
        return None
    return max(values) if op in ("gt", "gte") else min(values)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that at least `share` of the values do not exceed. `ordered` ascends.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, ceil(share * len(ordered) - 1e-9) - 1)]


def wilson(hits: int, of: int, z: float = Z) -> tuple[float, float]:
    """The 95 % interval of a share: Wilson's score interval, without continuity correction.

    Source: E. B. Wilson (1927), "Probable inference, the law of succession, and statistical
    inference". Example: 5 of 50 gives (0.0435, 0.2136).

    Raises:
        ValueError: of nobody.
    """
    if of <= 0:
        raise ValueError("of nobody")
    share = hits / of
    centre = share + z * z / (2 * of)
    margin = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return max(0.0, (centre - margin) / whole), min(1.0, (centre + margin) / whole)


def rounded(number: float, step: float, *, is_age: bool = False) -> float:
    """A number as people would choose it: on its step, ages in one unit, else three digits."""
    if is_age:
        for unit in (DAY_MS, 3_600_000, 60_000, 1_000):
            if number >= 2 * unit and unit >= step:
                return float(round(number / unit) * unit)
        return float(max(step, round(number / step) * step))
    if step:
        return float(round(number / step) * step)
    if number == 0:
        return 0.0
    return round(number, 2 - floor(log10(abs(number))))


@dataclass(frozen=True, slots=True)
class Bin:
    """People whose value is in [low, high), or beyond at either end; None: too few to be told."""

    low: float
    high: float
    people: int | None


BINS: Final = 12


def histogram(values: Sequence[float], step: float, fewest: int) -> list[Bin]:
    """Up to twelve bins of the same width; those of fewer than `fewest` people say None.

    No edge is one person's own value: so many lie at or below the first, and at or above the last.
    The first bin holds all that is below it too, the last all that is above.
    """
    if len(values) < fewest:
        return []
    ordered = sorted(values)
    low, high = ordered[fewest - 1], ordered[-fewest]
    if high <= low:
        return [Bin(high, high + (step or 1.0), len(ordered))]
    width = (high - low) / BINS
    width = ceil(width / step) * step if step else width
    count = min(BINS, floor((high - low) / width + 1e-9) + 1)
    people = [0] * count
    for value in ordered:
        people[max(0, min(count - 1, int((value - low) / width)))] += 1
    return [
        Bin(low + i * width, low + (i + 1) * width, n if n == 0 or n >= fewest else None)
        for i, n in enumerate(people)
    ]


_S: Final = 1_000.0
_M: Final = 60 * _S
_H: Final = 60 * _M
_D: Final = float(DAY_MS)
# Durations that people would choose.
_LADDER: Final = (
    5 * _S, 10 * _S, 30 * _S, _M, 2 * _M, 5 * _M, 10 * _M, 15 * _M, 30 * _M, _H, 2 * _H, 6 * _H,
    12 * _H, _D, 2 * _D, 3 * _D, 7 * _D, 14 * _D, 30 * _D, 60 * _D, 90 * _D, 180 * _D, 365 * _D,
)  # fmt: skip
_NEAR: Final = 3  # so many below, and so many above


def near_durations(now_ms: float) -> list[float]:
    """Durations in ms that people would choose, three below and three above one."""
    below = [one for one in _LADDER if one < now_ms][-_NEAR:]
    return [*below, *[one for one in _LADDER if one > now_ms][:_NEAR]]


def near_counts(now: int) -> list[float]:
    """Whole numbers from 1, up to two below and three above one."""
    return [float(one) for one in range(max(1, now - 2), now + 4) if one != now]
