"""A percentile of a population that answers only "how many are above x?", many x at once."""

from collections.abc import Callable, Sequence
from math import floor, inf, log10
from typing import Final

ROUNDS: Final = 8
PARTS: Final = 32
_DOUBLINGS: Final = 48
_DIGITS: Final = 4

Above = Callable[[Sequence[float]], Sequence[int]]


def percentile(above: Above, people: int, share: float, step: float, most: float = inf) -> float:
    """Return the least number that at least `share` of the people do not exceed.

    Args:
        above: numbers -> how many people have more than each.
        people: how many there are; all have more than 0, or are of age 0.
        share: in (0, 1).
        step: numbers are whole multiples of it, and the answer is exact; 0: any, and the answer
            is a little above the exact one, with four digits.
        most: no number above it may be asked.
    """
    may_exceed = floor(people * (1 - share) + 1e-9)
    unit = step or 2.0**-20
    doublings = [unit * 2**power for power in range(_DOUBLINGS) if unit * 2**power <= most]
    if most < inf:
        doublings.append(most)
    low, high = _between([0.0, *doublings], above(doublings), may_exceed)
    for _ in range(ROUNDS):
        if high - low <= (step or high * 1e-6):
            break
        width = high - low
        inner = sorted({_on_step(low + width * i / PARTS, step) for i in range(1, PARTS)})
        inner = [number for number in inner if low < number < high]
        if not inner:
            break
        low, high = _between([low, *inner, high], [*above(inner), 0], may_exceed)
    return high if step else _rounded_up(high)


def _between(
    numbers: Sequence[float], exceeding: Sequence[int], may_exceed: int
) -> tuple[float, float]:
    """The neighbours between which the answer lies: (too low, high enough)."""
    for index, count in enumerate(exceeding, 1):
        if count <= may_exceed:
            return numbers[index - 1], numbers[index]
    return numbers[-1], numbers[-1]


def _on_step(number: float, step: float) -> float:
    return round(number / step) * step if step else number


def _rounded_up(number: float) -> float:
    """The number with four digits; up where that loses something, so the share still holds."""
    if number <= 0:
        return 0.0
    digits = _DIGITS - 1 - floor(log10(number))
    rounded = round(number, digits)
    return rounded if rounded >= number * (1 - 2e-6) else round(number + 10.0**-digits, digits)
