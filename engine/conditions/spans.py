"""Values that stand still or grow with the clock, and when a comparison of one flips."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import floor
from typing import NamedTuple, TypeAlias

from engine.conditions.answers import ENDLESS, Answer
from engine.conditions.attention import Exact
from engine.conditions.nodes import Op

ExactTest: TypeAlias = Callable[[Exact], bool]


class Piece(NamedTuple):
    """At [from_ms, until_ms) the value is `base`, and where it grows, one more each ms."""

    from_ms: int
    until_ms: int
    base: Exact
    grows: bool


def exact_test(op: Op, limits: tuple[int, ...]) -> ExactTest:
    """Return the comparison of an exact value with one limit, or two for `between`."""
    first, last = limits[0], limits[-1]
    match op:
        case Op.GT:
            return lambda value: value > first
        case Op.GTE:
            return lambda value: value >= first
        case Op.LT:
            return lambda value: value < first
        case Op.LTE:
            return lambda value: value <= first
        case Op.BETWEEN:
            return lambda value: first <= value <= last
    raise AssertionError(f"{op} compares no times")


def first_flip(pieces: Iterable[Piece], test: ExactTest, limits: tuple[int, ...]) -> Answer:
    """The verdict where the first piece begins, and the exact instant at which it changes.

    The pieces follow each other without a break, the last one without an end.

    Args:
        test: the comparison; its verdict changes near a value of `limits` only.
        limits: in ms.
    """
    verdict: bool | None = None
    for number, (from_ms, until_ms, base, grows) in enumerate(pieces):
        found = test(base)
        if number == 0:
            verdict = found
        elif found is not verdict:
            return verdict, from_ms
        if not grows:
            continue
        for age_ms in sorted(floor(limit - base) + step for limit in limits for step in (0, 1)):
            if 0 < age_ms < until_ms - from_ms and test(base + age_ms) is not verdict:
                return verdict, from_ms + age_ms
    return ENDLESS[verdict]
