"""The events of days that are not closed, and of windows that begin within a day: read once.

Each row has a number for its name and one for its part of time, so that many aggregates side by
side can tell cheaply that it is not theirs; a property is looked up once, however many read it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from apps.segments.sql import dialect as sql
from apps.segments.sql.comparison import Binder
from apps.segments.sql.rollup_rows import EventRows, moment, moment_text
from engine.conditions.nodes import ANY_EVENT, Match

Range = tuple[int | None, int]  # [begin, end) in ms since 1970; None is open


@dataclass(frozen=True, slots=True)
class Region:
    """A window of one instant and its middle, in ms since 1970: all ends are excluded.

    `begin` None is open; a window without a middle has an empty one at its end.
    """

    begin: int | None
    middle_begin: int | None
    middle_end: int
    end: int

    @property
    def before(self) -> Range | None:
        """The edge before the middle; a window that is open has none."""
        if self.begin is None or self.middle_begin is None or self.begin >= self.middle_begin:
            return None
        return self.begin, self.middle_begin

    @property
    def middle(self) -> Range | None:
        if self.middle_begin is not None and self.middle_begin >= self.middle_end:
            return None
        return self.middle_begin, self.middle_end

    @property
    def after(self) -> Range | None:
        """The edge after the middle."""
        return (self.middle_end, self.end) if self.middle_end < self.end else None


class Side(StrEnum):
    """Which of the events of a region are meant."""

    ALL = "all"
    OLDER = "older"  # those before the end of the middle
    NEWER = "newer"


@dataclass(slots=True)
class EdgeRows(EventRows):
    """Events as rows `e` with the columns kind, part, and p0, p1, ... for their properties.

    A property is raw0, raw1, ... as it was sent; it is looked up for the names that it is read of.
    """

    def named(self, name: str) -> str:
        return f"e.kind = {self.names.setdefault(name, len(self.names) + 1)}"

    def property(self, match: Match, name: str) -> str:
        self.readers.setdefault(name, set()).add(match.name)
        return f"e.p{list(self.readers).index(name)}"

    def hard(self) -> str:
        tests = [
            f"(e.p{i} IS NULL AND {sql.is_number(f'e.raw{i}')})" for i in range(len(self.readers))
        ]
        return f"({' OR '.join(tests) or 'false'})"

    def select(self, part: str, source: str) -> str:
        """The rows of a source, whose WHERE it ends with; nothing is looked up twice."""
        kind = f"array_position({self.bind(list(self.names), 'text[]')}, e.name)"
        raws = "".join(
            f", {self._raw_of_readers(name)} AS raw{i}" for i, name in enumerate(self.readers)
        )
        return (
            f"SELECT e.profile_id, {kind} AS kind, {part} AS part, e.occurred_at, e.original_at,"
            f" e.message_id{raws}\n  {source}"
        )

    def _raw_of_readers(self, name: str) -> str:
        readers = self.readers[name]
        if ANY_EVENT in readers:
            return self.raw(name)
        return (
            f"CASE WHEN e.name = ANY({self.bind(sorted(readers), 'text[]')})"
            f" THEN {self.raw(name)} END"
        )

    def read(self, rows: str) -> str:
        """The rows, with properties also as conditions see them."""
        values = "".join(
            f", e.raw{i}, ({sql.scalar(f'e.raw{i}')}) AS p{i}" for i in range(len(self.readers))
        )
        return f"""SELECT e.profile_id, e.kind, e.part, e.occurred_at, e.original_at,
    e.message_id{values}
  FROM (
  {rows}
  {sql.FENCE}) e {sql.FENCE}"""


@dataclass(slots=True)
class Edges:
    """Aggregates of the edges of regions, and of the middles of profiles that are marked.

    Args:
        site: whose events, bound.
        is_partial: whether the pairs are few: their events are found by profile then, never by day.
    """

    bind: Binder
    site: str
    is_partial: bool
    rows: EdgeRows = field(init=False)
    regions: dict[Region, None] = field(default_factory=dict)
    # (aggregate, its tests, region, side) -> column
    aggregates: dict[tuple[str, str, Region, Side], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = EdgeRows(self.bind)

    def column(
        self, made: str, match: Match, region: Region, side: Side = Side.ALL, besides: str = ""
    ) -> str:
        """An aggregate of the events of a match, as a column of `d`."""
        tests = " AND ".join(filter(None, (self.rows.meets(match), besides)))
        self.regions[region] = None
        key = made, tests, region, side
        return f"d.{self.aggregates.setdefault(key, f'k{len(self.aggregates)}')}"

    def cte(self) -> str:
        """The columns by profile, and whether the live path must answer it."""
        bounds = sorted(
            {
                bound
                for one in self.regions
                for bound in (one.begin, one.middle_begin, one.middle_end, one.end)
                if bound is not None
            }
        )
        columns = [
            f"{made} FILTER (WHERE {self._of_region(region, side, bounds)} AND {tests}) AS {name}"
            for (made, tests, region, side), name in self.aggregates.items()
        ]
        return f"""edges AS (
SELECT e.profile_id, bool_or({self.rows.hard()}) AS hard, {", ".join(columns)} FROM (
  {self.rows.read(self._rows(bounds))}
) e GROUP BY e.profile_id)"""

    @property
    def marks(self) -> str:
        """The profiles of whom nothing that is kept may be used, as rows `m`."""
        return f"FROM events_rollupmark m WHERE m.site_id = {self.site}"

    # Parts of time: those of edges from 0, then again as many for the middles of marked profiles.

    def _of_region(self, region: Region, side: Side, bounds: Sequence[int]) -> str:
        """Whether `e` is of a region; the parts that are stand as ones in a text of bits."""
        middles = len(bounds) + 1
        parts: set[int] = set()
        if side is not Side.NEWER:
            parts |= _parts(region.before, bounds)
            parts |= {middles + part for part in _parts(region.middle, bounds)}
        if side is not Side.OLDER:
            parts |= _parts(region.after, bounds)
        bits = "".join("1" if part in parts else "0" for part in range(2 * middles))
        return f"get_bit(B'{bits}', e.part) = 1"

    def _rows(self, bounds: Sequence[int]) -> str:
        limits = self.bind([moment_text(bound) for bound in bounds], "timestamptz[]")
        part = f"width_bucket(e.occurred_at, {limits})"
        edges = _joined(found for one in self.regions for found in (one.before, one.after) if found)
        middles = _joined(one.middle for one in self.regions if one.middle)
        marked = f"SELECT DISTINCT m.profile_id {self.marks}"
        if self.is_partial:
            marked += " AND m.profile_id IN (SELECT p.profile_id FROM pair p)"
        if self.is_partial and edges:
            found = self._by_profile("SELECT DISTINCT p.profile_id FROM pair p", edges)
        else:
            within = " OR ".join(f"({self._between(one)})" for one in edges) or "false"
            found = f"FROM events_personal e WHERE {self.rows.bounds(self.site)} AND ({within})"
        read = [self.rows.select(part, found)]
        if middles:
            shifted = f"{part} + {len(bounds) + 1}"
            read.append(self.rows.select(shifted, self._by_profile(marked, middles)))
        return "\n  UNION ALL\n  ".join(read)

    def _by_profile(self, profiles: str, ranges: Iterable[Range]) -> str:
        """The events of some profiles in some ranges of time, each range by the index of events."""
        listed = ", ".join(f"({', '.join(self._ends(one))})" for one in ranges)
        return f"""FROM ({profiles}) o
  CROSS JOIN (VALUES {listed}) r(begins, ends)
  CROSS JOIN LATERAL (
    SELECT * FROM events_personal e WHERE e.profile_id = o.profile_id
      AND e.occurred_at >= r.begins AND e.occurred_at < r.ends
      AND {self.rows.bounds(self.site)} {sql.FENCE}
  ) e"""

    def _ends(self, one: Range) -> tuple[str, str]:
        begin, end = one
        return sql.BEGINNING if begin is None else moment(self.bind, begin), moment(self.bind, end)

    def _between(self, one: Range) -> str:
        begin, end = self._ends(one)
        return f"e.occurred_at >= {begin} AND e.occurred_at < {end}"


def _parts(one: Range | None, bounds: Sequence[int]) -> set[int]:
    """The parts that a range consists of: part 0 is before the first bound."""
    if one is None:
        return set()
    begin, end = one
    first = 0 if begin is None else bisect_right(bounds, begin)
    return set(range(first, bisect_right(bounds, end)))


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """The ranges, overlapping and touching ones as one."""
    joined: list[Range] = []
    for begin, end in sorted(ranges, key=lambda one: (one[0] is not None, one[0] or 0)):
        last = joined[-1] if joined else None
        if last is not None and (begin is None or begin <= last[1]):
            joined[-1] = last[0], max(last[1], end)
        else:
            joined.append((begin, end))
    return joined
