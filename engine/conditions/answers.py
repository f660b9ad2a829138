"""What the parts of a compiled condition hand to each other: (verdict, valid until)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from engine.conditions.operators import Test
from engine.facts import Facts

Truth: TypeAlias = bool | None
Answer: TypeAlias = tuple[Truth, int]
Part: TypeAlias = Callable[[Facts, int], Answer]

# Stands for "never changes", so that the earlier of two instants is one comparison.
FOREVER = 1 << 62

YES: Answer = (True, FOREVER)
NO: Answer = (False, FOREVER)
UNKNOWN: Answer = (None, FOREVER)


def answers(test: Test) -> Callable[[object], Answer]:
    """Return the test as an answer that does not change with time."""

    def answer(found: object) -> Answer:
        verdict = test(found)
        return YES if verdict else NO if verdict is False else UNKNOWN

    return answer
