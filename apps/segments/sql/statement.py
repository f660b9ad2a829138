"""One statement under construction: what leaves ask of it, and what it takes to answer them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from apps.access import selectors as access
from apps.segments.sql import dialect as sql
from apps.segments.sql.aggregates import Column, Kind, RawEvents, Reading, Source
from apps.segments.sql.comparison import Binder
from apps.segments.sql.rows import Rows
from apps.segments.sql.windows import EVER, Windows
from engine.conditions.nodes import Match, Window

PATH = "path"  # the CTE of events in their order
TRAITS = "t"  # the join of traits

OpenSource = Callable[[Binder], Source]


@dataclass(slots=True)
class Statement:
    """Collects columns, CTEs and joins; equal ones are there once.

    Args:
        site_id: whose events.
        instants: those of the pairs in ms, each once.
        kept: a source that may take columns before the raw events do.
        zone: of the site; None looks it up when it is needed.
    """

    site_id: UUID
    instants: Sequence[int]
    kept: OpenSource | None = None
    zone: str | None = None
    bind: Binder = field(default_factory=Binder)
    windows: Windows = field(init=False)
    sources: list[Source] = field(init=False)
    path_rows: Rows = field(init=False)
    since_rows: Rows = field(init=False)
    since_columns: dict[str, str] = field(default_factory=dict)  # expression -> column
    traits: dict[str, str] = field(default_factory=dict)  # trait -> column
    trait_numbers: dict[str, str] = field(default_factory=dict)  # column -> that of its number
    parts: dict[str, str] = field(default_factory=dict)  # text of a CTE -> its name
    joins: dict[str, None] = field(default_factory=dict)
    hard: dict[str, None] = field(default_factory=dict)
    reads_path: bool = False

    def __post_init__(self) -> None:
        self.windows = Windows(self.bind, self.instants, self.site_zone, self._since)
        kept = [] if self.kept is None else [self.kept(self.bind)]
        self.sources = [*kept, RawEvents(self._rows)]
        self.path_rows = self._rows()
        self.since_rows = self._rows()

    def _rows(self) -> Rows:
        site = self.bind(str(self.site_id), "uuid")
        return Rows(self.bind, self.windows, site, max(self.instants))

    def site_zone(self) -> str:
        """The zone in which the site counts days. One statement, the first time."""
        if self.zone is None:
            self.zone = access.zone_of(self.site_id)
        return self.zone

    # What leaves ask for

    def column(self, column: Column) -> str:
        """The expression of an aggregate."""
        interval = self.windows.interval(column.window)
        for source in self.sources:
            if source.takes(column, interval):
                return source.column(column, interval)
        raise AssertionError("raw events take every column")

    def count(self, match: Match, window: Window = EVER) -> str:
        """How many events of a match there are, 0 when there is none."""
        return f"coalesce({self.column(Column(Kind.COUNT, match, window))}, 0)"

    def trait(self, name: str) -> str:
        """The value of a trait, NULL when it is missing."""
        return f"{TRAITS}.{self.traits.setdefault(name, f't{len(self.traits)}')}"

    def trait_number(self, name: str) -> str:
        """The value of a trait as a number, NULL when it is none."""
        column = self.trait(name).removeprefix(f"{TRAITS}.")
        return f"{TRAITS}.{self.trait_numbers.setdefault(column, f'{column}n')}"

    def trait_entry(self, name: str, place: int) -> str:
        """What else is kept of a trait: see `profiles_profilestate.traits`."""
        return sql.entry(sql.member("p.traits", self.bind(name, "text")), place)

    def session(self, idle_ms: int) -> str:
        """The name of the open session's row, joined: n (NULL: none is open), device, start."""
        self.joins[self.windows.session_join(idle_ms)] = None
        return self.windows.session(idle_ms)

    def path(self) -> Rows:
        """The events in their order, as CTE `path` e: rank, ms, device, piece and asked columns."""
        self.reads_path = True
        return self.path_rows

    def part(self, body: str, *, joined: bool = False) -> str:
        """Add a CTE; return its name. Joined ones have at most one row a pair, by n."""
        name = self.parts.setdefault(body, f"c{len(self.parts)}")
        if joined:
            self.joins[f"LEFT JOIN {name} ON {name}.n = p.n"] = None
        return name

    def is_hard(self, test: str) -> None:
        """Leave the pairs of which this is true to the live path."""
        self.hard[test] = None

    def consent(self) -> str:
        """The state row of the pair's profile, joined: granted and denied, as bits."""
        join = "LEFT JOIN profiles_profilestate chosen ON chosen.profile_id = p.profile_id"
        self.joins[join] = None
        return "chosen"

    def _since(self, match: Match) -> str:
        expression = f"max(e.occurred_at) FILTER (WHERE {self.since_rows.meets(match)})"
        return f"since.{self.since_columns.setdefault(expression, f's{len(self.since_columns)}')}"

    # What it takes

    def finish(self) -> Reading:
        """Everything that was asked for, in an order in which each part follows what it reads."""
        readings = [source.reading() for source in self.sources]
        path = self._path() if self.reads_path else []
        hard = list(self.hard)
        joins = dict(self.joins)
        if self.reads_path and self.path_rows.hard:
            path.append(
                f"path_hard AS (SELECT e.n, bool_or(e.hard) AS hard FROM {PATH} e GROUP BY e.n)"
            )
            joins["LEFT JOIN path_hard ON path_hard.n = p.n"] = None
            hard.append("coalesce(path_hard.hard, false)")
        # After the rows: only they know all windows.
        ctes = self.windows.ctes(self._since_cte)
        if self.since_columns and self.since_rows.hard:
            joins["LEFT JOIN since ON since.n = p.n"] = None
            hard.append("coalesce(since.hard, false)")
        for reading in readings:
            ctes += reading.ctes
            joins |= dict.fromkeys(reading.joins)
            hard += reading.hard
        ctes += path
        ctes += [f"{name} AS (\n{body})" for body, name in self.parts.items()]
        if self.traits:
            joins[self._trait_join()] = None
            hard.append(f"{TRAITS}.hard")
        return Reading(tuple(ctes), tuple(joins), tuple(hard))

    def _path(self) -> list[str]:
        order = "e.occurred_at, e.ordered_at, e.message_id"
        rows = self.path_rows.select((f"{sql.DEVICE} AS device",))
        return [
            f"""{PATH} AS MATERIALIZED (
SELECT e.*, {sql.milliseconds("e.occurred_at")} AS ms,
  row_number() OVER (PARTITION BY e.n ORDER BY {order}) AS rank
FROM (
  {rows}
) e)"""
        ]

    def _since_cte(self) -> str:
        self.since_rows.within(EVER)
        columns = [f"{expression} AS {name}" for expression, name in self.since_columns.items()]
        if self.since_rows.hard:
            columns.append("bool_or(e.hard) AS hard")
        return (
            f"since AS (\nSELECT e.n, {', '.join(columns)} FROM (\n"
            f"  {self.since_rows.select()}\n) e GROUP BY e.n)"
        )

    def _trait_join(self) -> str:
        """The traits that are read, looked up once per pair, without what cannot be cast."""
        entries = [f"{self.trait_entry(n, 0)} AS {column}" for n, column in self.traits.items()]
        columns = []
        for column in self.traits.values():
            raw = f"r.{column}"
            can_be_cast = f"NOT {sql.is_hard(raw)}"
            columns.append(f"CASE WHEN {can_be_cast} THEN {raw} END AS {column}")
            if column in self.trait_numbers:
                number = f"CASE WHEN {can_be_cast} THEN {sql.number(raw)} END"
                columns.append(f"{number} AS {self.trait_numbers[column]}")
        hard = " OR ".join(sql.is_hard_with_items(f"r.{column}") for column in self.traits.values())
        columns.append(f"({hard}) AS hard")
        found = f"SELECT {', '.join(entries)} {sql.FENCE}"
        return (
            f"CROSS JOIN LATERAL (SELECT {', '.join(columns)} FROM ({found}) r {sql.FENCE})"
            f" {TRAITS}"
        )
