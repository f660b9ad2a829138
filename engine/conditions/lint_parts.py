"""Parts of a condition that change nothing, or that can never be met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.conditions.lint_domains import Model
from engine.conditions.lint_formulas import Sign, formula_of
from engine.conditions.lint_search import OverBudget, Search
from engine.conditions.nodes import All, AnyOf, AtLeast, Group, Node, NoneOf, Not, parts_of

BUDGET = 12_000  # steps: some tens of milliseconds


class Trouble(StrEnum):
    """What is the matter with a condition, or a part of it."""

    NEVER = "never"
    ALWAYS = "always"
    REDUNDANT = "redundant"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing proved about a condition.

    Attributes:
        path: of the part, as refusals name it: "all[1].any[0]"; "" is the condition.
        because: path of the part that makes it so, where one alone does.
    """

    trouble: Trouble
    path: str
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Flaws:
    """Flaws from the outside in; `is_complete` False: the search was given up."""

    found: tuple[Flaw, ...]
    is_complete: bool


def flaws_of(node: Node, budget: int = BUDGET) -> Flaws:
    """Return what is the matter with a condition: as a whole, else with its parts."""
    look = _Look(node, budget)
    try:
        look.at_whole()
    except OverBudget:
        return Flaws(tuple(look.found), is_complete=False)
    return Flaws(tuple(look.found), is_complete=True)


class _Look:
    """One look at a condition. Parts found redundant are taken out before the next is asked."""

    def __init__(self, root: Node, budget: int) -> None:
        self.root = root
        self.model = Model([root])
        self.search = Search(self.model.variables, self.model.ties, budget)
        self.found: list[Flaw] = []
        self.gone: set[str] = set()

    def at_whole(self) -> None:
        if not self.can(self.root, Sign.TRUE):
            self.found.append(Flaw(Trouble.NEVER, "", self.clash(self.root, "")))
        elif not self.can(self.root, Sign.NOT_TRUE):
            if self.root != All(()):
                self.found.append(Flaw(Trouble.ALWAYS, ""))
        else:
            self.at_parts(self.root, "")

    def at_parts(self, node: Node, path: str) -> None:
        if not isinstance(node, Group):
            return
        for part, place in reversed(list(placed(node, path))):
            flaw = self.flaw(node, part, place, path)
            if flaw is None:
                self.at_parts(part, place)
            else:
                self.found.insert(0, flaw)
                self.gone.add(place)

    def flaw(self, node: Node, part: Node, place: str, path: str) -> Flaw | None:
        whole = isinstance(part, Group)
        if not self.can(part, Sign.TRUE):
            because = self.clash(part, place) if whole else None
            return Flaw(Trouble.NEVER, place, because)
        if not self.can(part, Sign.NOT_TRUE):
            return Flaw(Trouble.ALWAYS, place)
        if isinstance(node, All | AnyOf | NoneOf) and self.changes_nothing(place):
            return Flaw(Trouble.REDUNDANT, place, self.because(node, part, place, path))
        return None

    def changes_nothing(self, place: str) -> bool:
        """Are the same people in it without the part?"""
        before = self.without(self.root, "", self.gone)
        after = self.without(self.root, "", self.gone | {place})
        if before is None or after is None:
            return False
        return not self.can(before, Sign.TRUE, after, Sign.NOT_TRUE) and not self.can(
            after, Sign.TRUE, before, Sign.NOT_TRUE
        )

    def because(self, node: Node, part: Node, place: str, path: str) -> str | None:
        """The place of the part beside it that alone makes it change nothing."""
        for other, beside in placed(node, path):
            if beside == place or beside in self.gone:
                continue
            first, then = (other, part) if isinstance(node, All) else (part, other)
            if not self.can(first, Sign.TRUE, then, Sign.NOT_TRUE):
                return beside
        return None

    def clash(self, node: Node, path: str) -> str | None:
        """The place of the first part that cannot be true beside one before it."""
        if not isinstance(node, All):
            return None
        parts = list(placed(node, path))
        for i, (part, place) in enumerate(parts):
            if not self.can(part, Sign.TRUE):
                return place
            for before, _ in parts[:i]:
                if not self.can(before, Sign.TRUE, part, Sign.TRUE):
                    return place
        return None

    def can(self, a: Node, said_a: Sign, b: Node | None = None, said_b: Sign = Sign.TRUE) -> bool:
        asked = [formula_of(a, said_a, self.model)]
        if b is not None:
            asked.append(formula_of(b, said_b, self.model))
        return self.search.can_be(*asked)

    def without(self, node: Node, path: str, gone: set[str]) -> Node | None:
        """The condition without the parts at some places; None where nothing of it is left."""
        if path and path in gone:
            return None
        if not isinstance(node, Group):
            return node
        kept = [self.without(part, place, gone) for part, place in placed(node, path)]
        parts = tuple(part for part in kept if part is not None)
        if len(parts) == len(kept):
            return node if parts == parts_of(node) else _with_parts(node, parts)
        # A negation of nothing, or too few parts left to count: not a condition any more.
        if isinstance(node, Not | AtLeast) or not parts:
            return None
        return _with_parts(node, parts)


def _with_parts(node: Node, parts: tuple[Node, ...]) -> Node:
    if isinstance(node, Not):
        return Not(parts[0])
    assert isinstance(node, All | AnyOf | NoneOf | AtLeast)
    return replace(node, parts=parts)


_NAMES: dict[type, str] = {All: "all", AnyOf: "any", NoneOf: "none"}


def placed(node: Node, path: str) -> Iterator[tuple[Node, str]]:
    """The parts of a group with their paths."""
    base = f"{path}." if path else ""
    match node:
        case All(parts) | AnyOf(parts) | NoneOf(parts):
            for i, part in enumerate(parts):
                yield part, f"{base}{_NAMES[type(node)]}[{i}]"
        case AtLeast(_, parts):
            for i, part in enumerate(parts):
                yield part, f"{base}at_least.of[{i}]"
        case Not(part):
            yield part, f"{base}not"
