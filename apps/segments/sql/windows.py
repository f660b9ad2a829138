"""Windows in SQL: bounds of each pair, or the session, visit or page view that it is in.

Bounds that need a calendar are computed by the engine for the instants asked, and joined.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from apps.segments.sql import dialect as sql
from apps.segments.sql.comparison import Binder
from apps.segments.sql.visits import page_view_cte, session_cte, visits_cte
from engine.conditions.calendars import calendar_start, months_before
from engine.conditions.nodes import CalendarUnit, Match, Window, WindowKind
from engine.facts import SESSION_IDLE_MS

PAGE_VIEW_ID = "page_view_id"
EVER = Window(WindowKind.EVER)
SESSION = Window(WindowKind.SESSION, ms=SESSION_IDLE_MS)
ZONE_TRAIT = "timezone"


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time: the events at or after `begin` and before `end`.

    Attributes:
        begin, end: timestamps as SQL over `pair p` and `joins`; None is open. All events are also
            before the pair's own `p.at_end`.
        joins: what they need, to follow `FROM pair p`.
        fixed: (after, until] in ms where all pairs have the same bounds; None is open.
        floor_ms: no pair has an earlier event in it, None when there is no such instant.
    """

    begin: str | None
    end: str | None
    joins: tuple[str, ...] = ()
    fixed: tuple[int | None, int] | None = None
    floor_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """Whether an event is in a window.

    Attributes:
        columns: name -> expression over `pair p` and `joins`, computed once a pair.
        joins: to follow `FROM pair p`.
        truth: over these columns as `p.<name>`, and the row `e` of the table of events.
        floor_ms: as in `Interval`.
    """

    columns: dict[str, str]
    joins: tuple[str, ...]
    truth: str
    floor_ms: int | None = None


@dataclass(slots=True)
class Windows:
    """The windows of one statement, and the CTEs that they need.

    Args:
        instants: the instants of the pairs in ms, each once.
        site_zone: asked when a window or an aggregate needs days.
        since: the column of the latest event of a match, a timestamp of CTE `since`.
    """

    bind: Binder
    instants: Sequence[int]
    site_zone: Callable[[], str]
    since: Callable[[Match], str]
    by_instant: dict[tuple[str, int], str] = field(default_factory=dict)  # (unit, n) -> column
    instant_rows: list[tuple[str, str]] = field(default_factory=list)  # (column, its bounds)
    by_zone: dict[CalendarUnit, str] = field(default_factory=dict)
    idles: set[int] = field(default_factory=set)
    has_visits: bool = False
    has_page_view: bool = False
    has_since: bool = False

    # A stretch of time

    def interval(self, window: Window) -> Interval | None:
        """The bounds of a window; None for those that are no stretch of time."""
        match window.kind:
            case WindowKind.EVER:
                return Interval(None, None, fixed=self._fixed(lambda at_ms: (None, at_ms)))
            case WindowKind.LAST:
                return Interval(
                    sql.before_by("p.at_end", window.ms),
                    None,
                    fixed=self._fixed(lambda at_ms: (at_ms - window.ms, at_ms)),
                    floor_ms=min(self.instants) - window.ms + 1,
                )
            case WindowKind.BETWEEN_AGO:
                return Interval(
                    sql.before_by("p.at_end", window.ms),
                    sql.before_by("p.at_end", window.near_ms),
                    fixed=self._fixed(lambda at_ms: (at_ms - window.ms, at_ms - window.near_ms)),
                    floor_ms=min(self.instants) - window.ms + 1,
                )
            case WindowKind.LAST_MONTHS:
                # An event at the bound itself is out, so the next millisecond begins it.
                return self._by_instant(
                    ("months", window.months), lambda at_ms: months_before(at_ms, window.months) + 1
                )
            case WindowKind.CALENDAR:
                return self._calendar(window)
            case WindowKind.SINCE:
                assert window.since is not None, "the parser asks for it"
                self.has_since = True
                column = self.since(window.since)
                begin = f"coalesce({sql.next_ms(column)}, {sql.BEGINNING})"
                return Interval(begin, None, ("LEFT JOIN since ON since.n = p.n",))
            case WindowKind.ABSOLUTE:
                return self._absolute(window)
        return None

    def _fixed(
        self, bounds: Callable[[int], tuple[int | None, int]]
    ) -> tuple[int | None, int] | None:
        return bounds(self.instants[0]) if len(self.instants) == 1 else None

    def _absolute(self, window: Window) -> Interval:
        begin, end = (
            None if ms is None else sql.instant(self.bind(ms, "bigint"))
            for ms in (window.from_ms, window.to_ms)
        )

        def fixed(at_ms: int) -> tuple[int | None, int]:
            after = None if window.from_ms is None else window.from_ms - 1
            return after, at_ms if window.to_ms is None else min(at_ms, window.to_ms - 1)

        return Interval(begin, end, fixed=self._fixed(fixed), floor_ms=window.from_ms)

    def _calendar(self, window: Window) -> Interval:
        unit = window.unit
        assert unit is not None, "the parser asks for it"
        zone = self.site_zone()
        of_site = self._by_instant((unit.value, 0), lambda at_ms: calendar_start(at_ms, unit, zone))
        if not window.is_visitor_zone:
            return of_site
        column = self.by_zone.setdefault(unit, f"z{len(self.by_zone)}")
        trait = sql.entry(sql.member("p.traits", self.bind(ZONE_TRAIT, "text")), 0)
        join = (
            "LEFT JOIN zoned ON zoned.at_ms = p.at_ms AND zoned.zone ="
            f" CASE WHEN {sql.is_text(trait)} THEN {sql.text_of(trait)} END"
        )
        begin = f"coalesce({sql.instant(f'zoned.{column}')}, {of_site.begin})"
        starts = [start for at_ms in self.instants for _, start in zoned_starts(at_ms, unit)]
        return Interval(begin, None, (*of_site.joins, join), floor_ms=min(starts))

    def _by_instant(self, key: tuple[str, int], begin_of: Callable[[int], int]) -> Interval:
        starts = [begin_of(at_ms) for at_ms in self.instants]
        if len(starts) == 1:
            begin = sql.instant(self.bind(starts[0], "bigint"))
            fixed = (starts[0] - 1, self.instants[0])
            return Interval(begin, None, fixed=fixed, floor_ms=starts[0])
        column = self.by_instant.get(key)
        if column is None:
            rows = [
                {"at_ms": at_ms, "begin_ms": start}
                for at_ms, start in zip(self.instants, starts, strict=True)
            ]
            bound = self.bind(json.dumps(rows), "jsonb")
            column = self.by_instant[key] = f"bound{len(self.by_instant)}"
            self.instant_rows.append((column, bound))
        join = f"LEFT JOIN {column} ON {column}.at_ms = p.at_ms"
        begin = sql.instant(f"{column}.begin_ms")
        return Interval(begin, None, (join,), floor_ms=min(starts))

    # Any window

    def test(self, window: Window, name: str) -> Test:
        """Whether an event is in the window; `name` begins the names of its columns."""
        interval = self.interval(window)
        if interval is not None:
            columns, tests = {}, []
            if interval.begin is not None:
                columns[f"{name}b"] = interval.begin
                tests.append(f"e.occurred_at >= p.{name}b")
            if interval.end is not None:
                columns[f"{name}e"] = interval.end
                tests.append(f"e.occurred_at < p.{name}e")
            truth = f"({' AND '.join(tests)})" if tests else "true"
            return Test(columns, interval.joins, truth, interval.floor_ms)
        match window.kind:
            case WindowKind.SESSION:
                return self._session(window.ms or SESSION_IDLE_MS, name)
            case WindowKind.VISIT:
                return self._visit(window.visit, name)
        return self._page_view(name)

    def _session(self, idle_ms: int, name: str) -> Test:
        columns = {f"{name}s": f"{self.session(idle_ms)}.start"}
        columns[f"{name}d"] = f"{self.session(idle_ms)}.device"
        return Test(columns, (self.session_join(idle_ms),), _of_piece(name))

    def _visit(self, visit: int, name: str) -> Test:
        self.has_visits = True
        place = f"place = {visit}" if visit > 0 else f"back = {-visit}"
        join = f"LEFT JOIN visits {name} ON {name}.n = p.n AND {name}.{place}"
        columns = {f"{name}s": f"{name}.start", f"{name}d": f"{name}.device"}
        columns[f"{name}e"] = f"{name}.finish"
        last = f"{sql.whole_ms('e.occurred_at')} <= p.{name}e"
        return Test(columns, (join,), f"({_of_piece(name)} AND {last})")

    def _page_view(self, name: str) -> Test:
        self.has_page_view = True
        session = self._session(SESSION_IDLE_MS, name)
        page_view = sql.member("e.properties", self.bind(PAGE_VIEW_ID, "text"))
        return Test(
            {**session.columns, f"{name}p": "page_view.id"},
            (*session.joins, "LEFT JOIN page_view ON page_view.n = p.n"),
            f"({session.truth} AND {sql.typed(sql.scalar(page_view))} = p.{name}p)",
        )

    def session(self, idle_ms: int) -> str:
        """The name of the CTE of open sessions, at most a row a pair: n, device or NULL, start."""
        self.idles.add(idle_ms)
        return f"session{idle_ms}"

    def session_join(self, idle_ms: int) -> str:
        cte = self.session(idle_ms)
        return f"LEFT JOIN {cte} ON {cte}.n = p.n"

    # The statement

    def ctes(self, since: Callable[[], str]) -> list[str]:
        """What the tests need, to follow `pair`; `since` writes the CTE of that name."""
        made = [
            f"{column} AS ({sql.recordset(rows, 'at_ms bigint, begin_ms bigint')})"
            for column, rows in self.instant_rows
        ]
        if self.by_zone:
            made.append(self._zoned())
        if self.has_since:
            made.append(since())
        if self.has_page_view:
            self.idles.add(SESSION_IDLE_MS)
        made += [session_cte(f"session{idle_ms}", idle_ms) for idle_ms in sorted(self.idles)]
        if self.has_visits:
            made.append(visits_cte())
        if self.has_page_view:
            key = self.bind(PAGE_VIEW_ID, "text")
            made.append(page_view_cte(f"session{SESSION_IDLE_MS}", key))
        return made

    def _zoned(self) -> str:
        rows: dict[tuple[int, str], dict[str, Any]] = {}
        for unit, column in self.by_zone.items():
            for at_ms in self.instants:
                for zone, start in zoned_starts(at_ms, unit):
                    row = rows.setdefault((at_ms, zone), {"at_ms": at_ms, "zone": zone})
                    row[column] = start
        columns = ", ".join(f"{column} bigint" for column in self.by_zone.values())
        bound = self.bind(json.dumps(list(rows.values())), "jsonb")
        return f"zoned AS ({sql.recordset(bound, f'at_ms bigint, zone text, {columns}')})"


def _of_piece(name: str) -> str:
    """In a piece of the chain of a device: its events, and those without one from its start on."""
    device = f"({sql.DEVICE} IS NULL OR {sql.DEVICE} = p.{name}d)"
    return f"(e.occurred_at >= p.{name}s AND {device})"


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


_starts: dict[tuple[int, CalendarUnit], list[tuple[str, int]]] = {}


def zoned_starts(at_ms: int, unit: CalendarUnit) -> list[tuple[str, int]]:
    """(zone, first instant of the period in ms) for every zone there is. The newest are kept."""
    found = _starts.get((at_ms, unit))
    if found is None:
        found = [(zone, calendar_start(at_ms, unit, zone)) for zone in _zones()]
        while len(_starts) >= 64:
            _starts.pop(next(iter(_starts)))
        _starts[at_ms, unit] = found
    return found
