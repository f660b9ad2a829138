"""The events of every pair as rows, with what conditions ask of an event as columns.

Each property is extracted, each filter and window tested, once a row, however many read it.
"""

from dataclasses import dataclass, field

from apps.segments.sql import dialect as sql
from apps.segments.sql.comparison import Binder, compare
from apps.segments.sql.windows import EVER, PAGE_VIEW_ID, Windows
from engine.conditions.nodes import ANY_EVENT, FactOf, Match, PropertyTest, Window, WindowKind

MOST_COLUMNS = 700  # further filters are tested wherever they are read: a row has its limits


@dataclass(slots=True)
class Rows:
    """One reading of events. Ask for the columns, then for `select`.

    Args:
        site_id: bound, whose events.
        last_ms: the greatest instant of the pairs.
    """

    bind: Binder
    windows: Windows
    site_id: str
    last_ms: int
    has_all_names: bool = False
    names: set[str] = field(default_factory=set)
    properties: dict[str, str] = field(default_factory=dict)  # property -> column
    filters: dict[str, str] = field(default_factory=dict)  # test -> column
    # By their text, in which False and 0 differ: text of a window -> its column and itself.
    tests: dict[str, tuple[str, Window]] = field(default_factory=dict)
    floors: list[int | None] = field(default_factory=list)

    def meets(self, match: Match) -> str:
        """Whether the row `e` is an event of the match: two-valued where it counts."""
        if match.name == ANY_EVENT:
            self.has_all_names = True
            tests = []
        else:
            self.names.add(match.name)
            tests = [f"e.name = {self.bind(match.name, 'text')}"]
        if match.where:
            tests.append(self._filter(match.where))
        return f"({' AND '.join(tests)})" if tests else "true"

    def passes(self, where: tuple[PropertyTest, ...]) -> str:
        """Whether the row `e` passes the filters, whatever its name."""
        return self._filter(where) if where else "true"

    def _filter(self, where: tuple[PropertyTest, ...]) -> str:
        test = " AND ".join(self._property_test(test) for test in where)
        if test not in self.filters and self.width >= MOST_COLUMNS:
            return f"({test})"
        return f"e.{self.filters.setdefault(test, f'f{len(self.filters)}')}"

    def _property_test(self, test: PropertyTest) -> str:
        if isinstance(test.value, FactOf):
            # There is no request here, so no event equals its facts.
            return "false"
        return compare(self.bind, test.op, self.value(test.property), test.value)

    def value(self, name: str) -> str:
        """A scalar property of the row `e`."""
        return "e." + self.properties.setdefault(name, f"p{len(self.properties)}")

    def within(self, window: Window) -> str:
        """Whether the row `e` is in the window."""
        if window == EVER:
            self.floors.append(None)
            return "true"
        if window.kind is WindowKind.PAGE_VIEW:
            self.value(PAGE_VIEW_ID)  # so that what cannot be compared is noticed
        column, _ = self.tests.setdefault(repr(window), (f"w{len(self.tests)}", window))
        return f"e.{column}"

    def day(self) -> str:
        """The day of the row `e` in the site's zone, as days since 1970."""
        return sql.day("e.occurred_at", self.bind(self.windows.site_zone(), "text"))

    @property
    def width(self) -> int:
        """How many columns were asked for."""
        return len(self.properties) + len(self.filters) + len(self.tests)

    @property
    def hard(self) -> str:
        """Whether the row `e` has a number that cannot be cast; empty when none is read."""
        return "e.hard" if self.properties else ""

    def select(self, more: tuple[str, ...] = ()) -> str:
        """Return the rows as a query. `more` are further columns over `p` and the table `e`.

        Always there: n, name, occurred_at, ordered_at, message_id.
        """
        columns = ["p.n", "e.name", "e.occurred_at", *sql.ORDER_COLUMNS, *more]
        pair_columns: dict[str, str] = {}
        joins: dict[str, None] = {}
        floors = list(self.floors)
        for column, window in self.tests.values():
            test = self.windows.test(window, column)
            pair_columns |= test.columns
            joins |= dict.fromkeys(test.joins)
            floors.append(test.floor_ms)
            columns.append(f"{test.truth} AS {column}")
        raws = {
            column: sql.member("e.properties", self.bind(name, "text"))
            for name, column in self.properties.items()
        }
        columns += [f"{sql.scalar(raw)} AS {column}" for column, raw in raws.items()]
        if raws:
            columns.append(f"({' OR '.join(map(sql.is_hard, raws.values()))}) AS hard")
        where = self._bounds(floors)
        pairs = "pair p"
        if pair_columns:
            listed = ", ".join(f"{value} AS {name}" for name, value in pair_columns.items())
            pairs = (
                f"(SELECT p.n, p.profile_id, p.at_ms, p.at_end, {listed}"
                f" FROM pair p {' '.join(joins)} {sql.FENCE}) p"
            )
        made = f"""SELECT {", ".join(columns)}
  FROM {pairs}
  JOIN events_personal e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE {" AND ".join(where)}
  {sql.FENCE}"""
        if self.filters:
            filters = ", ".join(f"({test}) AS {column}" for test, column in self.filters.items())
            made = f"SELECT e.*, {filters} FROM (\n  {made}\n  ) e {sql.FENCE}"
        return made

    def _bounds(self, floors: list[int | None]) -> list[str]:
        bounds = [
            f"e.site_id = {self.site_id}",
            f"e.occurred_at < {sql.instant(self.bind(self.last_ms + 1, 'bigint'))}",
        ]
        known = [floor for floor in floors if floor is not None]
        if floors and len(known) == len(floors):
            bounds.append(f"e.occurred_at >= {sql.instant(self.bind(min(known), 'bigint'))}")
        if not self.has_all_names:
            bounds.append(sql.any_of("e.name", self.bind(sorted(self.names), "text[]")))
        return bounds
