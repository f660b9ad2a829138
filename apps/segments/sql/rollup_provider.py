"""Aggregates from what is kept of closed days, and from the events of the days that are not.

A window is (after, until]. Its whole days before the last closed one are its middle: their sum
lies in the profile's row of spans. The rest, its edges, is read from the events, which lie in the
order of time. Profiles that are marked are read from their events altogether.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from apps.segments.sql import dialect as sql
from apps.segments.sql.aggregates import Column, Kind, Reading
from apps.segments.sql.comparison import Binder
from apps.segments.sql.rollup_edges import Edges, Region, Side
from apps.segments.sql.rollup_rows import DAY_MS, ORDER, Measure, last_field
from apps.segments.sql.windows import Interval

# [digest of the measure, kind, from day or None, to day (excluded)]; days since 1970, UTC.
Span: TypeAlias = tuple[str, str, int | None, int]

WHOLES = (Kind.COUNT, Kind.NUMBERS)
MOMENTS = (Kind.LATEST, Kind.EARLIEST)
REALS = (Kind.MIN, Kind.MAX)
ENDS = (Kind.FIRST, Kind.LAST)
ARRAYS = {
    **dict.fromkeys(WHOLES, "wholes"),
    **dict.fromkeys(MOMENTS, "moments"),
    **dict.fromkeys(REALS, "reals"),
    Kind.SUM: "totals",
    **dict.fromkeys(ENDS, "ends"),
}
# Windows of at most so much are read from the events, which are read anyway.
SHORT_MS = 2 * DAY_MS

_OF_EVENTS = (Kind.COUNT, Kind.LATEST, Kind.EARLIEST)


def measure_of(column: Column) -> Measure:
    """What must be kept by day for this column."""
    return Measure(column.match, None if column.kind in _OF_EVENTS else column.of)


def span_of(column: Column, interval: Interval | None, closed_day: int) -> Span | None:
    """The middle of a column's window; None where it has none, or cannot be kept."""
    measure = measure_of(column)
    if interval is None or interval.fixed is None or column.kind not in ARRAYS:
        return None
    if not measure.is_plain:
        return None
    after_ms, until_ms = interval.fixed
    from_day = None if after_ms is None else -(-(after_ms + 1) // DAY_MS)
    to_day = min((until_ms + 1) // DAY_MS, closed_day)
    if from_day is not None and from_day >= to_day:
        return None
    return measure.digest, column.kind.value, from_day, to_day


@dataclass(slots=True)
class Wishes:
    """A source that has nothing, but notes what could be kept."""

    closed_day: int
    spans: dict[Span, None] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)

    def takes(self, column: Column, interval: Interval | None) -> bool:
        span = span_of(column, interval, self.closed_day)
        if span is not None:
            measure = measure_of(column)
            self.measures[measure.digest] = measure
            self.spans[span] = None
        return False

    def column(self, column: Column, interval: Interval | None) -> str:
        raise AssertionError("it takes nothing")

    def reading(self) -> Reading:
        return Reading()


@dataclass(slots=True)
class KeptSpans:
    """The source of aggregates with a kept middle, and of those with a window so short as to need
    none: they share one reading of the latest events.

    Args:
        site_id: whose, as text.
        closed_day: the first day that is not closed.
        places: where in its array each span lies, from 1.
        is_partial: whether the pairs are few: only their events are read then.
    """

    bind: Binder
    site_id: str
    closed_day: int
    places: dict[Span, int]
    is_partial: bool = False
    edges: Edges = field(init=False)
    columns: dict[str, str] = field(default_factory=dict)  # over both parts -> column

    def __post_init__(self) -> None:
        self.edges = Edges(self.bind, self.bind(self.site_id, "uuid"), self.is_partial)

    def takes(self, column: Column, interval: Interval | None) -> bool:
        span = span_of(column, interval, self.closed_day)
        return span in self.places if span is not None else self._is_short(column, interval)

    def _is_short(self, column: Column, interval: Interval | None) -> bool:
        if interval is None or interval.fixed is None or column.kind not in ARRAYS:
            return False
        after_ms, until_ms = interval.fixed
        return (
            after_ms is not None
            and until_ms - after_ms <= SHORT_MS
            and after_ms >= (self.closed_day - 2) * DAY_MS
            and measure_of(column).is_plain
        )

    def column(self, column: Column, interval: Interval | None) -> str:
        span = span_of(column, interval, self.closed_day)
        assert interval is not None and interval.fixed is not None
        after_ms, until_ms = interval.fixed
        begin, end = None if after_ms is None else after_ms + 1, until_ms + 1
        if span is None:
            region, place = Region(begin, end, end, end), None
        else:
            _, _, from_day, to_day = span
            region = Region(begin, _day_ms(from_day), to_day * DAY_MS, end)
            place = self.places[span]
        both = self._both(column, region, place)
        return f"kept.{self.columns.setdefault(both, f'c{len(self.columns)}')}"

    def _both(self, column: Column, region: Region, place: int | None) -> str:
        """The aggregate over what is read, and over what is kept at this place of its array."""
        kept = "NULL" if place is None else f"s.{ARRAYS[column.kind]}[{place}]"
        if column.kind in ENDS:
            return self._end(column, region, kept)
        event = self._aggregate(column, region)
        if place is None:
            return f"{event}::float8" if column.kind is Kind.SUM else event
        match column.kind:
            case Kind.COUNT | Kind.NUMBERS:
                return f"coalesce({event}, 0) + coalesce({kept}, 0)"
            case Kind.SUM:
                # Exact until here; who asks compares a double. To most, nothing is to be added.
                return (
                    f"CASE WHEN {event} IS NULL THEN s.doubles[{place}]"
                    f" ELSE ({event} + coalesce({kept}, 0))::float8 END"
                )
            case Kind.LATEST | Kind.MAX:
                return f"greatest({event}, {kept})"
        return f"least({event}, {kept})"

    def _aggregate(self, column: Column, region: Region) -> str:
        value = "" if column.of is None else self.edges.rows.property(column.match, column.of)
        made = {
            Kind.COUNT: "count(*)",
            Kind.NUMBERS: f"count({sql.number(value)})",
            Kind.SUM: f"sum({sql.decimal(value)})",
            Kind.MIN: f"min({sql.number(value)})",
            Kind.MAX: f"max({sql.number(value)})",
            Kind.LATEST: "max(e.occurred_at)",
            Kind.EARLIEST: "min(e.occurred_at)",
        }[column.kind]
        return self.edges.column(made, column.match, region)

    def _end(self, column: Column, region: Region, kept: str) -> str:
        """The first or last value: of the edge before the middle, the middle, the one after it."""
        assert column.of is not None, "the parser asks for `of` where an aggregate needs it"
        value = self.edges.rows.property(column.match, column.of)
        function = "max" if column.kind is Kind.LAST else "min"
        made, has_value = f"{function}(ROW({ORDER}, {value}))", f"{value} IS NOT NULL"
        older, newer = (
            last_field(self.edges.column(made, column.match, region, side, has_value), 4)
            for side in (Side.OLDER, Side.NEWER)
        )
        parts = (newer, kept, older) if column.kind is Kind.LAST else (older, kept, newer)
        return f"coalesce({', '.join(parts)})"

    def reading(self) -> Reading:
        if not self.columns:
            return Reading()
        columns = [f"{expression} AS {name}" for expression, name in self.columns.items()]
        which = f"s.site_id = {self.edges.site}"
        if self.is_partial:
            # An array, so that the index is used whatever the number of rows is guessed to be.
            which += " AND s.profile_id = ANY(ARRAY(SELECT p.profile_id FROM pair p))"
        marked = f"SELECT m.profile_id {self.edges.marks}"
        # Each column is worked out once a profile, however many conditions compare it.
        kept = f"""kept AS (
SELECT coalesce(d.profile_id, s.profile_id) AS profile_id, d.hard, {", ".join(columns)}
FROM edges d FULL JOIN (
  SELECT * FROM events_rollupspan s
  WHERE {which} AND s.profile_id NOT IN ({marked})
) s ON s.profile_id = d.profile_id OFFSET 0)"""
        join = "LEFT JOIN kept ON kept.profile_id = p.profile_id"
        return Reading((self.edges.cte(), kept), (join,), ("coalesce(kept.hard, false)",))


def _day_ms(day: int | None) -> int | None:
    return None if day is None else day * DAY_MS
