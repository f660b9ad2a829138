"""Aggregates from what is kept of closed days, and from the events of the days that are not.

A window is (after, until]. Its whole days before the last closed one are its middle: their sum
lies in the profile's row of spans. The rest, its edges, is read from the events, which lie in the
order of time. Profiles that are marked are read from their events altogether.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from apps.segments.sql import dialect as sql
from apps.segments.sql.aggregates import Column, Kind, Reading
from apps.segments.sql.comparison import Binder
from apps.segments.sql.rollup_rows import DAY_MS, ORDER, EventRows, Measure, last_field, moment
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


@dataclass(frozen=True, slots=True)
class Region:
    """A window of one instant and its middle, in ms since 1970: all ends are excluded.

    `begin` None is open; a window without a middle has an empty one at its end.
    """

    begin: int | None
    middle_begin: int | None
    middle_end: int
    end: int


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
    rows: EventRows = field(init=False)
    regions: dict[Region, int] = field(default_factory=dict)
    aggregates: dict[str, str] = field(default_factory=dict)  # over events -> column
    columns: dict[str, str] = field(default_factory=dict)  # over both parts -> column

    def __post_init__(self) -> None:
        self.rows = EventRows(self.bind, is_numbered=True)

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
            region = Region(begin, end, end, end)
            kept = "NULL"
        else:
            _, _, from_day, to_day = span
            region = Region(begin, _day_ms(from_day), to_day * DAY_MS, end)
            kept = f"s.{ARRAYS[column.kind]}[{self.places[span]}]"
        both = self._both(column, self.regions.setdefault(region, len(self.regions)), kept)
        return f"kept.{self.columns.setdefault(both, f'c{len(self.columns)}')}"

    def _both(self, column: Column, number: int, kept: str) -> str:
        """The aggregate over what is kept and what is read."""
        if column.kind in ENDS:
            return self._end(column, number, kept)
        event = self._aggregate(column, number)
        if kept == "NULL":
            return f"{event}::float8" if column.kind is Kind.SUM else event
        match column.kind:
            case Kind.COUNT | Kind.NUMBERS:
                return f"coalesce({event}, 0) + coalesce({kept}, 0)"
            case Kind.SUM:
                # Exact until here; who asks compares a double, and many may ask.
                return f"(coalesce({event}, 0) + coalesce({kept}, 0))::float8"
            case Kind.LATEST | Kind.MAX:
                return f"greatest({event}, {kept})"
        return f"least({event}, {kept})"

    def _aggregate(self, column: Column, number: int) -> str:
        value = "" if column.of is None else self.rows.property(column.match, column.of)
        made = {
            Kind.COUNT: "count(*)",
            Kind.NUMBERS: f"count({sql.number(value)})",
            Kind.SUM: f"sum({sql.decimal(value)})",
            Kind.MIN: f"min({sql.number(value)})",
            Kind.MAX: f"max({sql.number(value)})",
            Kind.LATEST: "max(e.occurred_at)",
            Kind.EARLIEST: "min(e.occurred_at)",
        }[column.kind]
        return self._filtered(made, column, number)

    def _filtered(self, aggregate: str, column: Column, number: int, besides: str = "") -> str:
        tests = f"{self.rows.meets(column.match, f'e.r{number}')}{besides}"
        expression = f"{aggregate} FILTER (WHERE {tests})"
        return f"d.{self.aggregates.setdefault(expression, f'k{len(self.aggregates)}')}"

    def _end(self, column: Column, number: int, kept: str) -> str:
        """The first or last value: of the edge before the middle, the middle, the one after it."""
        assert column.of is not None, "the parser asks for `of` where an aggregate needs it"
        value = self.rows.property(column.match, column.of)
        function = "max" if column.kind is Kind.LAST else "min"
        aggregate = f"{function}(ROW({ORDER}, {value}))"
        older, newer = (
            last_field(
                self._filtered(aggregate, column, number, f" AND {side} AND {value} IS NOT NULL"), 4
            )
            for side in (f"NOT e.a{number}", f"e.a{number}")
        )
        parts = (newer, kept, older) if column.kind is Kind.LAST else (older, kept, newer)
        return f"coalesce({', '.join(parts)})"

    def reading(self) -> Reading:
        if not self.regions:
            return Reading()
        site = self.bind(self.site_id, "uuid")
        marked = f"SELECT m.profile_id FROM events_rollupmark m WHERE m.site_id = {site}"
        edges = self._rows(site, self._edge_ranges(), is_middle=False)
        middles = self._rows(site, self._middle_range(marked), is_middle=True)
        read = [f"{expression} AS {name}" for expression, name in self.aggregates.items()]
        columns = [f"{expression} AS {name}" for expression, name in self.columns.items()]
        few = " AND s.profile_id IN (SELECT p.profile_id FROM pair p)" if self.is_partial else ""
        # Each column is worked out once a profile, however many conditions compare it.
        made = f"""edges AS (
SELECT e.profile_id, bool_or({self.rows.hard()}) AS hard, {", ".join(read)} FROM (
  {edges}
  UNION ALL
  {middles}
) e GROUP BY e.profile_id),
kept AS (
SELECT coalesce(d.profile_id, s.profile_id) AS profile_id, d.hard, {", ".join(columns)}
FROM edges d FULL JOIN (
  SELECT * FROM events_rollupspan s
  WHERE s.site_id = {site} AND s.profile_id NOT IN ({marked}){few}
) s ON s.profile_id = d.profile_id OFFSET 0)"""
        join = "LEFT JOIN kept ON kept.profile_id = p.profile_id"
        return Reading((made,), (join,), ("coalesce(kept.hard, false)",))

    def _rows(self, site: str, tests: str, *, is_middle: bool) -> str:
        """Events with two columns a region: r, whether they are in this part of it, a, after it."""
        columns = []
        for region, number in self.regions.items():
            within = self._between(region.middle_begin, region.middle_end)
            if not is_middle:
                whole = self._between(region.begin, region.end)
                has_middle = region.middle_begin is None or region.middle_begin < region.middle_end
                within = f"({whole} AND NOT {within})" if has_middle else whole
            end = moment(self.bind, region.middle_end)
            columns.append(f", {within} AS r{number}, e.occurred_at >= {end} AS a{number}")
        if self.is_partial:
            tests = f"{tests} AND e.profile_id IN (SELECT p.profile_id FROM pair p)"
        return f"""SELECT e.profile_id, {self.rows.kind()} AS kind, e.occurred_at, e.original_at,
    e.message_id, e.properties{"".join(columns)}
  FROM events_event e WHERE {self.rows.bounds(site)} AND {tests}"""

    def _between(self, begin_ms: int | None, end_ms: int) -> str:
        end = f"e.occurred_at < {moment(self.bind, end_ms)}"
        if begin_ms is None:
            return f"({end})"
        return f"(e.occurred_at >= {moment(self.bind, begin_ms)} AND {end})"

    def _edge_ranges(self) -> str:
        ranges: list[tuple[int, int]] = []
        for region in self.regions:
            if region.begin is not None and region.middle_begin is not None:
                ranges.append((region.begin, region.middle_begin))
            ranges.append((region.middle_end, region.end))
        tests = [self._between(begin, end) for begin, end in _joined(ranges)]
        return f"({' OR '.join(tests)})"

    def _middle_range(self, marked: str) -> str:
        ends = max(region.middle_end for region in self.regions)
        begins = [region.middle_begin for region in self.regions]
        known = [begin for begin in begins if begin is not None]
        begin = min(known) if len(known) == len(begins) else None
        return f"{self._between(begin, ends)} AND e.profile_id IN ({marked})"


def _day_ms(day: int | None) -> int | None:
    return None if day is None else day * DAY_MS


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges that are not empty, overlapping and touching ones as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(found for found in ranges if found[0] < found[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined
