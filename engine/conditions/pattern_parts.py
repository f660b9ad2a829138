"""The tree of a pattern, and arithmetic on sets of characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

TOP = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]  # code points, inclusive, ascending, apart


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Run:
    """One after the other; empty: the empty text."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Options:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`most` None: without end."""

    part: Part
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """The start or the end of the whole text."""

    is_end: bool


Part: TypeAlias = Chars | Run | Options | Repeat | Edge

ANY = Chars(((0, TOP),))
_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32))


def size_of(part: Part) -> int:
    """Return how many states a tree needs, counted before anything is repeated."""
    match part:
        case Run(parts) | Options(parts):
            return max(1, sum(size_of(each) for each in parts))
        case Repeat(each, least, most):
            return size_of(each) * max(1, least, most or 0)
        case _:
            return 1


def complement(ranges: Ranges) -> Ranges:
    found, next_free = [], 0
    for low, high in ranges:
        if low > next_free:
            found.append((next_free, low - 1))
        next_free = high + 1
    if next_free <= TOP:
        found.append((next_free, TOP))
    return tuple(found)


def union(ranges: list[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


CLASSES: dict[str, Ranges] = {
    "d": _DIGIT,
    "w": _WORD,
    "s": _SPACE,
    "D": complement(_DIGIT),
    "W": complement(_WORD),
    "S": complement(_SPACE),
}
