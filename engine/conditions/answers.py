"""What the evaluators hand to each other: findings of leaves, and (verdict, valid until)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from engine.conditions.operators import Test
from engine.facts import Facts

Truth: TypeAlias = bool | None
Answer: TypeAlias = tuple[Truth, int]
Part: TypeAlias = Callable[[Facts, int], Answer]


class Finding(NamedTuple):
    """What one leaf met: the value found (None: nothing), its verdict, the events used.

    `evidence` are indexes in `Facts.history`, ascending.
    """

    value: object
    verdict: Truth
    evidence: tuple[int, ...] = ()


# What a module of leaf kinds registers, by the type of the leaf. Each takes facts that hold no
# event after now. A finder is the meaning; moments are instants after now at which the verdict may
# change (more than needed is fine, fewer is not); a builder makes the closure.
Finder: TypeAlias = Callable[[Any, Facts, int], Finding]
Moments: TypeAlias = Callable[[Any, Facts, int], set[int]]
Builder: TypeAlias = Callable[[Any], Part]

# Stands for "never changes", so that the earlier of two instants is one comparison.
FOREVER = 1 << 62

YES: Answer = (True, FOREVER)
NO: Answer = (False, FOREVER)
UNKNOWN: Answer = (None, FOREVER)

ENDLESS: dict[Truth, Answer] = {True: YES, False: NO, None: UNKNOWN}


def answers(test: Test) -> Callable[[object], Answer]:
    """Return the test as an answer that does not change with time."""

    def answer(found: object) -> Answer:
        verdict = test(found)
        return YES if verdict else NO if verdict is False else UNKNOWN

    return answer
