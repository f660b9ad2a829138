"""Numbers of an experiment as its page says them. What is not there is said to be not there."""

import math
from collections.abc import Sequence
from typing import Final

from apps.access.small_cells import words as people_words

NOT_TOLD: Final = "–"  # an en dash
SHARES: Final = frozenset({"conversion", "retention"})
_MINUS: Final = "−"

Interval = Sequence[float | None] | None


def ends_of(interval: Interval) -> tuple[float, float] | None:
    """Return both ends of an interval, None where one of them is missing."""
    if interval is None or len(interval) != 2:
        return None
    low, high = number(interval[0]), number(interval[1])
    return None if low is None or high is None else (low, high)


def number(value: object) -> float | None:
    """Return a finite number, None of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def people(count: object) -> str:
    """Return how many people: "1,234", or "<10" of fewer and of what is withheld."""
    return people_words(count if isinstance(count, int) else None)


def value_words(kind: str, value: object) -> str:
    """Return what an arm has: "12.34%" of a share, "41.2" of anything else."""
    found = number(value)
    if found is None:
        return NOT_TOLD
    if kind in SHARES:
        return f"{_signed(100 * found, 2)}%"
    return _plus(found, plus=False) + _plain(found, figures=4)


def difference_words(kind: str, value: object) -> str:
    """Return a difference with its sign: "+1.20 points" of shares, "+3.1" of anything else."""
    found = number(value)
    if found is None:
        return NOT_TOLD
    if kind in SHARES:
        return f"{_signed(100 * found, 2, plus=True)} points"
    return _plus(found) + _plain(found)


def unit_words(kind: str) -> str:
    """Return in what a difference is counted, where that has to be said."""
    return "percentage points" if kind in SHARES else ""


def short_difference(kind: str, value: float) -> str:
    """Return a difference for the edge of a picture, where there is little room."""
    if kind in SHARES:
        return f"{_signed(100 * value, 2, plus=True)}"
    return _plus(value) + _plain(value)


def relative_words(value: object) -> str:
    """Return a change in parts of the control: "+12.3%"."""
    found = number(value)
    return NOT_TOLD if found is None else f"{_signed(100 * found, 1, plus=True)}%"


def interval_words(kind: str, interval: Interval) -> str:
    """Return from where to where a difference lies."""
    ends = ends_of(interval)
    if ends is None:
        return NOT_TOLD
    if kind in SHARES:
        low, high = (difference_words(kind, end) for end in ends)
        return f"{low.removesuffix(' points')} to {high}"
    # Both ends to as many places: the larger one says how many.
    size = max(map(abs, ends))
    low, high = (_plus(end) + _plain(end, of=size) for end in ends)
    return f"{low} to {high}"


def relative_interval_words(interval: Interval) -> str:
    """Return the same in parts of the control."""
    ends = ends_of(interval)
    return NOT_TOLD if ends is None else f"{relative_words(ends[0])} to {relative_words(ends[1])}"


def p_words(p: object) -> str:
    """Return a p-value, never as nothing at all."""
    found = number(p)
    if found is None:
        return NOT_TOLD
    return "< 0.0001" if found < 0.0001 else f"{found:.4f}" if found < 0.1 else f"{found:.2f}"


def chance_words(chance: object) -> str:
    """Return a chance in percent, never as certain."""
    found = number(chance)
    if found is None:
        return NOT_TOLD
    return "< 0.1%" if found < 0.001 else "> 99.9%" if found > 0.999 else f"{100 * found:.1f}%"


def share_words(share: object) -> str:
    """Return a share: "50%", "33.3%"."""
    found = number(share)
    return NOT_TOLD if found is None else f"{100 * found:.1f}".removesuffix(".0") + "%"


def _signed(value: float, places: int, *, plus: bool = False) -> str:
    text = f"{abs(value):,.{places}f}"
    is_zero = not float(text.replace(",", ""))
    return ("" if is_zero else _plus(value, plus=plus)) + text


def _plus(value: float, *, plus: bool = True) -> str:
    return _MINUS if value < 0 else "+" if plus and value > 0 else ""


def _plain(value: float, *, figures: int = 3, of: float | None = None) -> str:
    """Without a sign, to so many figures of its size, or of another number's."""
    size = abs(value) if of is None else of
    if size and (size >= 1e12 or size < 1e-6):
        return f"{abs(value):.3g}"
    places = figures - 1 - math.floor(math.log10(size)) if size else 0
    return f"{abs(value):,.{min(max(places, 0), 9)}f}"
