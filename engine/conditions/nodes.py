"""The typed form of a condition. Built by `parse` only: every node here is already checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from engine.facts import Scalar

Value: TypeAlias = Scalar | tuple[Scalar, ...] | None


class Op(StrEnum):
    """How a found value is compared with the editor's."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    IS_SET = "is_set"
    IS_MISSING = "is_missing"


class Aggregate(StrEnum):
    """What is made of the matching events of a window."""

    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"
    LAST = "last"
    FIRST = "first"
    RECENCY = "recency"


class WindowKind(StrEnum):
    EVER = "ever"
    SESSION = "session"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of history that counts: (t - ms, t] for `last`, else `ms` is 0."""

    kind: WindowKind
    ms: int = 0


@dataclass(frozen=True, slots=True)
class TraitLeaf:
    name: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class ContextLeaf:
    """A fact of the request. Never stored, so never part of a kept membership."""

    name: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class PropertyTest:
    """One filter of an event leaf. Two-valued: unknown does not match."""

    property: str
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """An aggregate of matching events in a window, compared.

    `of` is the property aggregated (None for count and recency). `value` of recency is in ms.
    """

    name: str
    where: tuple[PropertyTest, ...]
    aggregate: Aggregate
    of: str | None
    window: Window
    op: Op
    value: Value


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    key: str


@dataclass(frozen=True, slots=True)
class PercentLeaf:
    """A sticky share of the units: bucket / 100 in [start, end), percent."""

    seed: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class AtLeast:
    k: int
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """A segment leaf with the condition of that segment put in its place (`scope.inline_segments`).

    Known even where `where` is unknown, because a membership always is: unknown is not a member.
    """

    key: str
    where: Node


Leaf: TypeAlias = TraitLeaf | ContextLeaf | EventLeaf | SegmentLeaf | PercentLeaf
Group: TypeAlias = All | AnyOf | NoneOf | Not | AtLeast
Node: TypeAlias = Leaf | Group | Nested


def parts_of(node: Node) -> tuple[Node, ...]:
    """The direct children of a node, in the editor's order; none for a leaf."""
    match node:
        case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
            return parts
        case Not(part) | Nested(_, part):
            return (part,)
        case _:
            return ()
