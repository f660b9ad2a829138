"""Event leaves: an aggregate of the matching events of a window, compared."""

from collections.abc import Sequence
from typing import Any

from apps.segments.sql import dialect as sql
from apps.segments.sql.aggregates import Column, Kind
from apps.segments.sql.comparison import compare, compare_number
from apps.segments.sql.statement import PATH, Statement
from engine.conditions.nodes import Aggregate, EventLeaf, Op, Window, WindowKind


def event(statement: Statement, leaf: EventLeaf) -> str:
    """The three-valued comparison of an event leaf."""
    match leaf.aggregate:
        case Aggregate.FIRST | Aggregate.LAST:
            kind = Kind.FIRST if leaf.aggregate is Aggregate.FIRST else Kind.LAST
            return compare(statement.bind, leaf.op, _column(statement, leaf, kind), leaf.value)
        case Aggregate.MOST_FREQUENT:
            return compare(statement.bind, leaf.op, _commonest(statement, leaf), leaf.value)
        case Aggregate.RECENCY if leaf.op in _AGES:
            return _compare_age(statement, leaf)
    return compare_number(statement.bind, leaf.op, number(statement, leaf), leaf.value)


def number(statement: Statement, leaf: EventLeaf) -> str:
    """The number that an aggregate makes; NULL where that is unknown."""
    match leaf.aggregate:
        case Aggregate.SUM:
            return sql.as_double(f"coalesce({_column(statement, leaf, Kind.SUM)}, 0)")
        case Aggregate.AVG:
            numbers = _column(statement, leaf, Kind.NUMBERS)
            total = _column(statement, leaf, Kind.SUM)
            return _quotient(total, f"nullif({numbers}, 0)")
        case Aggregate.MIN:
            return _column(statement, leaf, Kind.MIN)
        case Aggregate.MAX:
            return _column(statement, leaf, Kind.MAX)
        case Aggregate.DISTINCT:
            return sql.as_double(f"coalesce({_column(statement, leaf, Kind.DISTINCT)}, 0)")
        case Aggregate.RECENCY:
            return age(statement, leaf)
        case Aggregate.DAYS_ACTIVE:
            return sql.as_double(sql.list_length(_column(statement, leaf, Kind.DAYS)))
        case Aggregate.STREAK:
            days = _column(statement, leaf, Kind.DAYS)
            today = sql.day(sql.instant("p.at_ms"), statement.bind(statement.site_zone(), "text"))
            return sql.as_double(sql.streak(days, today))
        case Aggregate.RATIO:
            assert leaf.over is not None, "the parser asks for it"
            over = Column(Kind.COUNT, leaf.over, leaf.window)
            return _quotient(count(statement, leaf), _nonzero(statement, over))
        case Aggregate.RATE:
            length_ms = leaf.window.ms - leaf.window.near_ms
            return _quotient(f"({count(statement, leaf)} * {leaf.per_ms})", str(length_ms))
        case Aggregate.TREND:
            before = Column(Kind.COUNT, leaf.match, before_of(leaf))
            return _quotient(count(statement, leaf), _nonzero(statement, before))
    return sql.as_double(count(statement, leaf))


# Operators that ask whether an age lies before or after another.
_AGES = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE, Op.BETWEEN})


def _compare_age(statement: Statement, leaf: EventLeaf) -> str:
    """The comparison of an age as one of instants: a timestamp in ms costs ten times as much."""
    latest = _column(statement, leaf, Kind.LATEST)
    # Durations: the parser sees to that.
    ages: Sequence[Any] = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)

    def is_younger(age_ms: int) -> str:
        return f"({latest} >= {sql.before_by('p.at_end', age_ms)})"

    match leaf.op:
        case Op.LT:
            return is_younger(ages[0])
        case Op.LTE:
            return is_younger(ages[0] + 1)
        case Op.GT:
            return f"(NOT {is_younger(ages[0] + 1)})"
        case Op.GTE:
            return f"(NOT {is_younger(ages[0])})"
    return f"(NOT {is_younger(ages[0])} AND {is_younger(ages[1] + 1)})"


def count(statement: Statement, leaf: EventLeaf) -> str:
    return statement.count(leaf.match, leaf.window)


def age(statement: Statement, leaf: EventLeaf) -> str:
    """The age in ms of the latest match at the pair's instant; both whole milliseconds."""
    return f"(p.at_ms - {sql.milliseconds(_column(statement, leaf, Kind.LATEST))})"


def before_of(leaf: EventLeaf) -> Window:
    """The equally long window just before a `last`."""
    return Window(WindowKind.BETWEEN_AGO, ms=2 * leaf.window.ms, near_ms=leaf.window.ms)


def _column(statement: Statement, leaf: EventLeaf, kind: Kind) -> str:
    without_property = (Kind.COUNT, Kind.LATEST, Kind.DAYS)
    of = None if kind in without_property else leaf.of
    return statement.column(Column(kind, leaf.match, leaf.window, of))


def _quotient(dividend: str, divisor: str) -> str:
    return f"({sql.as_double(dividend)} / {sql.as_double(divisor)})"


def _nonzero(statement: Statement, column: Column) -> str:
    return f"nullif({statement.column(column)}, 0)"


def _commonest(statement: Statement, leaf: EventLeaf) -> str:
    """The commonest scalar; of several the one seen latest."""
    assert leaf.of is not None, "the parser asks for it"
    rows = statement.path()
    value = rows.value(leaf.of)
    tests = [rows.meets(leaf.match), rows.within(leaf.window), f"{value} IS NOT NULL"]
    name = statement.part(
        f"""SELECT c.n, c.value FROM (
  SELECT e.n, {sql.first_item(sql.newest(value))} AS value, row_number() OVER (
    PARTITION BY e.n ORDER BY count(*) DESC, max(e.rank) DESC) AS place
  FROM {PATH} e WHERE {" AND ".join(tests)}
  GROUP BY e.n, {sql.typed(value)}
) c WHERE c.place = 1""",
        joined=True,
    )
    return f"{name}.value"
