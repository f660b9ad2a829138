"""Aggregates of one match in one window, side by side in one reading of the events.

A leaf says which `Column`s it needs; a `Source` says how each is read. `RawEvents` reads any of
them from the events; another source may take those that it has kept ready.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from apps.segments.sql import dialect as sql
from apps.segments.sql.rows import Rows
from apps.segments.sql.windows import Interval
from engine.conditions.nodes import Match, Window

# Postgres allows 1,664 columns, and a row has up to three for each of these.
COLUMNS_PER_PASS = 500


class Kind(StrEnum):
    """What is made of the matching events; in brackets the type of the column.

    NULL when there is nothing to make it of; also for counts, when the pair has no row.
    """

    COUNT = "count"  # how many [bigint]
    SUM = "sum"  # exact, of the numbers in `of` [numeric]
    NUMBERS = "numbers"  # how many have a number in `of` [bigint]
    MIN = "min"  # of the numbers in `of` [float8]
    MAX = "max"
    FIRST = "first"  # the scalar in `of` of the first event that has one [jsonb]
    LAST = "last"
    LATEST = "latest"  # when the latest occurred [timestamptz]
    EARLIEST = "earliest"
    DAYS = "days"  # the different days in the site's zone, ascending [int[], days since 1970]
    DISTINCT = "distinct"  # how many different scalars in `of` [bigint]


@dataclass(frozen=True, slots=True)
class Column:
    """One aggregate: of which events, of which property where the kind has one, in which window."""

    kind: Kind
    match: Match
    window: Window
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How the columns of a source get into the statement.

    Attributes:
        ctes: to follow `pair` and the windows in the WITH list.
        joins: to follow `FROM pair p`, each LEFT, at most one row a pair.
        hard: expressions over the joins: whether the live path must answer the pair.
    """

    ctes: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    hard: tuple[str, ...] = ()


class Source(Protocol):
    """Where columns come from."""

    def takes(self, column: Column, interval: Interval | None) -> bool:
        """Whether this source has the column; `interval` None: no stretch of time."""
        ...

    def column(self, column: Column, interval: Interval | None) -> str:
        """Return the expression of the column over the joins of `reading`."""
        ...

    def reading(self) -> Reading:
        """Return what the columns asked for need. Called once, after the last of them."""
        ...


@dataclass(slots=True)
class _Pass:
    """One reading of the events of every pair, its aggregates side by side."""

    rows: Rows
    aggregates: dict[str, str] = field(default_factory=dict)  # expression -> column

    @property
    def is_full(self) -> bool:
        return max(len(self.aggregates), self.rows.width) >= COLUMNS_PER_PASS

    def column(self, column: Column) -> str:
        tests = [self.rows.meets(column.match)]
        within = self.rows.within(column.window)
        if within != "true":
            tests.append(within)
        aggregate, besides = self._aggregate(column)
        if besides:
            tests.append(besides)
        expression = f"{aggregate} FILTER (WHERE {' AND '.join(tests)})"
        return self.aggregates.setdefault(expression, f"a{len(self.aggregates)}")

    def _aggregate(self, column: Column) -> tuple[str, str]:
        """The aggregate function, and a further test of the events that it reads."""
        match column.kind:
            case Kind.COUNT:
                return "count(*)", ""
            case Kind.LATEST:
                return "max(e.occurred_at)", ""
            case Kind.EARLIEST:
                return "min(e.occurred_at)", ""
            case Kind.DAYS:
                return sql.distinct_list(self.rows.day()), ""
        assert column.of is not None, "the parser asks for `of` where an aggregate needs it"
        value = self.rows.value(column.of)
        match column.kind:
            case Kind.SUM:
                return f"sum({sql.decimal(value)})", ""
            case Kind.NUMBERS:
                return f"count({sql.number(value)})", ""
            case Kind.MIN | Kind.MAX:
                return f"{column.kind.value}({sql.number(value)})", ""
            case Kind.DISTINCT:
                return f"count(DISTINCT {sql.typed(value)})", ""
        return sql.newest(value), f"{value} IS NOT NULL"

    def cte(self, name: str) -> str:
        outputs = [f"{expression} AS {name}" for expression, name in self.aggregates.items()]
        if self.rows.hard:
            outputs.append("bool_or(e.hard) AS hard")
        listed = ", ".join(["e.n", *outputs])
        return f"{name} AS (\nSELECT {listed} FROM (\n  {self.rows.select()}\n) e GROUP BY e.n)"


@dataclass(slots=True)
class RawEvents:
    """Every column from one pass over the events of the pairs, or several when there are many.

    Args:
        open_rows: returns a new reading of the events.
    """

    open_rows: Callable[[], Rows]
    passes: list[_Pass] = field(default_factory=list)
    # By their text, in which False and 0 differ: text of a column -> expression.
    known: dict[str, str] = field(default_factory=dict)

    def takes(self, column: Column, interval: Interval | None) -> bool:
        return True

    def column(self, column: Column, interval: Interval | None) -> str:
        found = self.known.get(repr(column))
        if found is None:
            if not self.passes or self.passes[-1].is_full:
                self.passes.append(_Pass(self.open_rows()))
            found = f"g{len(self.passes) - 1}.{self.passes[-1].column(column)}"
            if column.kind is Kind.LAST:
                found = sql.first_item(found)
            elif column.kind is Kind.FIRST:
                found = sql.last_item(found)
            self.known[repr(column)] = found
        return found

    def reading(self) -> Reading:
        names = [f"g{i}" for i in range(len(self.passes))]
        hard = [
            f"coalesce({name}.hard, false)"
            for name, one in zip(names, self.passes, strict=True)
            if one.rows.hard
        ]
        return Reading(
            tuple(one.cte(name) for name, one in zip(names, self.passes, strict=True)),
            tuple(f"LEFT JOIN {name} ON {name}.n = p.n" for name in names),
            tuple(hard),
        )
