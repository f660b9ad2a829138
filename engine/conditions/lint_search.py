"""Is there a way for everything asked to be so? A bounded search over what variables may be.

A variable has cells, numbered from 0: the ways in which one thing can be. What is still possible
of it is a set of cells, kept as the bits of an integer. A formula is built from literals (the
variable lies in these cells) with `all`, `any` and `at least k`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias


class OverBudget(Exception):
    """The search took more steps than it was given: nothing is known."""


@dataclass(frozen=True, slots=True)
class Literal:
    variable: int
    cells: int


@dataclass(frozen=True, slots=True)
class Some:
    """At least `k` of the parts, 1 <= k <= len(parts)."""

    k: int
    parts: tuple[Formula, ...]


Formula: TypeAlias = Literal | Some | bool


@dataclass(slots=True)
class Variable:
    """One thing that conditions ask about.

    Attributes:
        size: number of cells.
        low, high: the least and greatest number in each cell, where cells are numbers, ascending;
            a missing value lies beyond all numbers.
    """

    size: int
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def full(self) -> int:
        return (1 << self.size) - 1

    def where(self, test: Callable[[float, float], bool]) -> int:
        """The cells whose least and greatest number pass a test."""
        pairs = zip(self.low, self.high, strict=True)
        return sum(1 << i for i, (low, high) in enumerate(pairs) if test(low, high))

    def within(self, least: float, most: float) -> int:
        """The cells that hold some number of [least, most]."""
        return self.where(lambda low, high: low <= most and high >= least)


@dataclass(slots=True)
class Ties:
    """What variables have to do with each other.

    Attributes:
        at_most: (x, y): the number of x is at most that of y.
        leads: (x, cells, y, other cells): where x lies in the cells, y lies in the other ones.
    """

    at_most: list[tuple[int, int]] = field(default_factory=list)
    leads: list[tuple[int, int, int, int]] = field(default_factory=list)


def literal(variable: int, cells: int, full: int) -> Formula:
    return False if cells == 0 else True if cells == full else Literal(variable, cells)


def every(parts: Sequence[Formula]) -> Formula:
    return at_least(len(parts), parts)


def some(parts: Sequence[Formula]) -> Formula:
    return at_least(1, parts)


def at_least(k: int, parts: Sequence[Formula]) -> Formula:
    k -= sum(1 for part in parts if part is True)
    left = tuple(part for part in parts if not isinstance(part, bool))
    if k <= 0:
        return True
    if k > len(left):
        return False
    return left[0] if len(left) == 1 else Some(k, left)


class Search:
    """Searches over the same variables, which share one budget of steps."""

    def __init__(self, variables: Sequence[Variable], ties: Ties, budget: int) -> None:
        self.variables = variables
        self.ties = ties
        self.left = budget

    def can_be(self, *asked: Formula) -> bool:
        """Can all the formulas hold? False is proved, True is not.

        Raises:
            OverBudget: not known.
        """
        masks = [variable.full for variable in self.variables]
        return self._tied(masks) and self._search(masks, list(asked))

    def _search(self, masks: list[int], asked: list[Formula]) -> bool:
        left = self._settled(masks, asked)
        if left is None:
            return False
        if not left:
            return True
        chosen = min(left, key=lambda some_: (len(some_.parts) - some_.k, len(some_.parts)))
        others: list[Formula] = [each for each in left if each is not chosen]
        first, rest = chosen.parts[0], chosen.parts[1:]
        with_it = [*others, first, at_least(chosen.k - 1, rest)]
        if self._search(masks.copy(), with_it):
            return True
        # Here the first part cannot hold, so whatever is found does without it.
        if isinstance(first, Literal):
            masks[first.variable] &= ~first.cells
            if not masks[first.variable]:
                return False
        return self._search(masks, [*others, at_least(chosen.k, rest)])

    def _settled(self, masks: list[int], asked: list[Formula]) -> list[Some] | None:
        """Apply what follows at once to the masks; what is left to choose, None: impossible."""
        todo = asked
        while True:
            left: list[Some] = []
            changed = False
            while todo:
                formula = self._reduced(todo.pop(), masks)
                if formula is False:
                    return None
                if isinstance(formula, Literal):
                    masks[formula.variable] &= formula.cells
                    changed = True
                elif isinstance(formula, Some):
                    if formula.k == len(formula.parts):
                        todo.extend(formula.parts)
                    else:
                        left.append(formula)
            if not changed:
                return left
            if not self._tied(masks):
                return None
            todo = list(left)

    def _reduced(self, formula: Formula, masks: list[int]) -> Formula:
        self.left -= 1
        if self.left < 0:
            raise OverBudget
        if isinstance(formula, Literal):
            mask = masks[formula.variable]
            if not mask & formula.cells:
                return False
            return True if not mask & ~formula.cells else formula
        if isinstance(formula, Some):
            parts = [self._reduced(part, masks) for part in formula.parts]
            return _joined(at_least(formula.k, parts))
        return formula

    def _tied(self, masks: list[int]) -> bool:
        """Take out what the ties rule out, until nothing changes. False: something is impossible"""
        ties = self.ties
        if not ties.at_most and not ties.leads:
            return True
        changed = True
        while changed:
            changed = False
            self.left -= 1 + len(ties.at_most) + len(ties.leads) // 4
            if self.left < 0:
                raise OverBudget
            for x, y in ties.at_most:
                if self._ordered(masks, x, y):
                    changed = True
                    if not (masks[x] and masks[y]):
                        return False
            for x, cells, y, other in ties.leads:
                if not masks[x] & ~cells and masks[y] & ~other:
                    masks[y] &= other
                    changed = True
                elif not masks[y] & other and masks[x] & cells:
                    masks[x] &= ~cells
                    changed = True
                if not (masks[x] and masks[y]):
                    return False
        return True

    def _ordered(self, masks: list[int], x: int, y: int) -> bool:
        """Take out the numbers of x beyond all of y, and those of y below all of x."""
        of_x, of_y = self.variables[x], self.variables[y]
        mask_x, mask_y = masks[x], masks[y]
        # The numbers of cells ascend, so the lowest bit is the least and the highest the greatest.
        least = of_x.low[(mask_x & -mask_x).bit_length() - 1]
        most = of_y.high[mask_y.bit_length() - 1]
        if of_x.low[mask_x.bit_length() - 1] > most:
            masks[x] &= of_x.within(-inf, most)
        if of_y.high[(mask_y & -mask_y).bit_length() - 1] < least:
            masks[y] &= of_y.within(least, inf)
        return mask_x != masks[x] or mask_y != masks[y]


def _joined(formula: Formula) -> Formula:
    """Literals of one variable in an `any` are one literal."""
    if not isinstance(formula, Some) or formula.k != 1:
        return formula
    cells: dict[int, int] = {}
    others: list[Formula] = []
    for part in formula.parts:
        if isinstance(part, Literal):
            cells[part.variable] = cells.get(part.variable, 0) | part.cells
        else:
            others.append(part)
    if len(cells) + len(others) == len(formula.parts):
        return formula
    merged = [Literal(variable, own) for variable, own in cells.items()]
    return at_least(1, [*merged, *others])
