"""Where the choices of a random world come from: a seeded generator, or Hypothesis.

The generators of documents and histories are written once. The long parity run feeds them from
`random`, ten times as fast; property tests from Hypothesis, which shrinks what fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from hypothesis import strategies as st

Item = TypeVar("Item")


class Choices(Protocol):
    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items; the first is the simplest."""
        ...

    def whole(self, least: int, most: int) -> int:
        """A whole number in [least, most]."""
        ...


class Seeded:
    """Choices that a seed determines."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self._random() * len(items))]

    def whole(self, least: int, most: int) -> int:
        return least + int(self._random() * (most - least + 1))


class Drawn:
    """Choices that Hypothesis makes and, when a test fails, makes simpler."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self._draw(st.integers(0, len(items) - 1))]

    def whole(self, least: int, most: int) -> int:
        return self._draw(st.integers(least, most))


def once_in(choices: Choices, n: int) -> bool:
    """True once in n; False is the simpler answer."""
    return choices.whole(1, n) == n


def some(choices: Choices, items: Sequence[Item], most: int, least: int = 0) -> list[Item]:
    """A few items, maybe the same one twice."""
    return [choices.pick(items) for _ in range(choices.whole(least, most))]
