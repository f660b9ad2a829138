"""Conditions as one SQL statement over many (profile, instant) pairs: the set-based twin.

The same three-valued meaning as `engine.conditions.evaluate`, which SQL's NULL has by nature. All
conditions given together share one pass over the events: each distinct aggregate is one FILTER
column, and conditions only compare columns. What Postgres cannot answer exactly (numbers far
outside everything real) is not guessed: the pair is marked `hard` and the live path answers it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.segments.comparison import Binder, compare, compare_number, number_text_limit
from engine.conditions.nodes import (
    Aggregate,
    All,
    AnyOf,
    AtLeast,
    EventLeaf,
    Nested,
    Node,
    NoneOf,
    Not,
    PercentLeaf,
    SegmentLeaf,
    TraitLeaf,
    Window,
    WindowKind,
)
from engine.conditions.scope import Reach, reach
from engine.facts import SESSION_IDLE_MS

COLUMNS_PER_PASS = 500  # Postgres allows 1,664 columns

# The newest first: sums add in this order, `last` is the first entry and `first` the last.
NEWEST_FIRST = "e.occurred_at DESC, e.ordered_at DESC, e.message_id DESC"


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """Parts of a statement whose first CTE is `pair`, one row per question.

    Its columns: `n` names the pair; profile_id, unit_id, traits are as in the state row; `at_ms` is
    the instant in ms since 1970, `at_end` the millisecond after it as a timestamp, because times
    with finer parts count by their whole milliseconds.

    Attributes:
        ctes: to follow `pair` in the WITH list.
        joins: to follow `FROM pair p`.
        verdicts: one three-valued boolean expression per condition, in the order given.
        changing: whether a watched verdict may change as time passes: true too often, never too
            rarely.
        hard: whether the pair must be answered by the live path.
        params: what the expressions name.
    """

    ctes: tuple[str, ...]
    joins: str
    verdicts: tuple[str, ...]
    changing: str
    hard: str
    params: Mapping[str, Any]


def compile_query(
    nodes: Sequence[Node],
    *,
    watched: Sequence[Node] = (),
    site_id: UUID,
    first_ms: int,
    last_ms: int,
) -> CompiledQuery:
    """Compile conditions, their nested segments in place, to one statement's parts.

    Args:
        nodes: none may read the request.
        watched: those of which `changing` is asked.
        site_id: whose events.
        first_ms, last_ms: the least and the greatest instant of the pairs.
    """
    query = _Query()
    verdicts = tuple(query.truth(node) for node in nodes)
    changing = query.changing(AnyOf(tuple(watched)))
    bounds = [
        f"e.site_id = {query.bind(str(site_id), 'uuid')}",
        f"e.occurred_at < {_instant(query.bind(last_ms + 1, 'bigint'))}",
    ]
    needed = Reach()
    for node in nodes:
        needed |= reach(node)
    if not needed.ever and not needed.session:
        earliest = query.bind(first_ms - needed.last_ms + 1, "bigint")
        bounds.append(f"e.occurred_at >= {_instant(earliest)}")
    return query.finish(verdicts, changing, bounds)


@dataclass(slots=True)
class _Query:
    bind: Binder = field(default_factory=Binder)
    aggregates: dict[str, str] = field(default_factory=dict)  # expression -> column
    windows: dict[Window, str] = field(default_factory=dict)  # -> column of the event
    properties: dict[str, str] = field(default_factory=dict)  # property -> column of the event
    traits: dict[str, str] = field(default_factory=dict)  # trait -> column
    names: set[str] = field(default_factory=set)
    has_session: bool = False

    # Conditions

    def truth(self, node: Node) -> str:
        """Return the three-valued expression of a node."""
        return WRITERS[type(node)](self, node)

    def changing(self, node: Node) -> str:
        """Whether time alone may change a node's verdict: true too often, never too rarely."""
        match node:
            case EventLeaf():
                return self._event_changing(node)
            case All(parts) | AnyOf(parts) | NoneOf(parts) | AtLeast(_, parts):
                found = {self.changing(part) for part in parts} - {"false"}
            case Not(part) | Nested(_, part):
                return self.changing(part)
            case _:
                return "false"
        return f"({' OR '.join(sorted(found))})" if found else "false"

    def _event_changing(self, leaf: EventLeaf) -> str:
        if leaf.window.kind is WindowKind.SESSION:
            self.has_session = True
            return "(s.n IS NOT NULL)"
        if leaf.window.kind is WindowKind.LAST:
            return f"(coalesce({self._column('count(*)', leaf)}, 0) > 0)"
        if leaf.aggregate is Aggregate.RECENCY and leaf.value is not None:
            ages = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
            oldest = self.bind(max(int(age) for age in ages), "bigint")
            return f"coalesce({self._age(leaf)} <= {oldest}, false)"
        return "false"

    def all_of(self, parts: Sequence[Node]) -> str:
        return f"({' AND '.join(map(self.truth, parts))})" if parts else "true"

    def any_of(self, parts: Sequence[Node]) -> str:
        return f"({' OR '.join(map(self.truth, parts))})"

    def at_least(self, node: AtLeast) -> str:
        truths = ", ".join(map(self.truth, node.parts))
        return (
            f"(SELECT CASE WHEN count(*) FILTER (WHERE t.x) >= {node.k} THEN true"
            f" WHEN count(*) FILTER (WHERE t.x IS NOT FALSE) >= {node.k} THEN NULL"
            f" ELSE false END FROM unnest(ARRAY[{truths}]::boolean[]) AS t(x))"
        )

    def trait(self, leaf: TraitLeaf) -> str:
        found = self.traits.setdefault(leaf.name, f"t{len(self.traits)}")
        return compare(self.bind, leaf.op, f"t.{found}", leaf.value)

    def percent(self, leaf: PercentLeaf) -> str:
        share = f"(segments_bucket(p.unit_id, {self.bind(leaf.seed, 'text')})::float8 / 100)"
        start, end = self.bind(float(leaf.start), "float8"), self.bind(float(leaf.end), "float8")
        return f"({share} >= {start} AND {share} < {end})"

    # Events

    def event(self, leaf: EventLeaf) -> str:
        match leaf.aggregate:
            case Aggregate.LAST | Aggregate.FIRST:
                return compare(self.bind, leaf.op, self._end_value(leaf), leaf.value)
            case Aggregate.RECENCY:
                return compare_number(self.bind, leaf.op, self._age(leaf), leaf.value)
            case Aggregate.COUNT:
                column = self._column("count(*)", leaf)
            case Aggregate.SUM:
                number = _number(self._property(leaf.of))
                column = self._column(f"sum({number} ORDER BY {NEWEST_FIRST})", leaf)
            case Aggregate.DISTINCT:
                column = self._column(f"count(DISTINCT {_typed(self._property(leaf.of))})", leaf)
        return compare_number(self.bind, leaf.op, f"coalesce({column}, 0)::float8", leaf.value)

    def _end_value(self, leaf: EventLeaf) -> str:
        value = self._property(leaf.of)
        values = self._column(
            f"array_agg({value} ORDER BY {NEWEST_FIRST})", leaf, f"{value} IS NOT NULL"
        )
        place = "1" if leaf.aggregate is Aggregate.LAST else f"cardinality({values})"
        return f"({values})[{place}]"

    def _age(self, leaf: EventLeaf) -> str:
        """The age in ms of the latest match at the pair's instant; both whole milliseconds."""
        latest = self._column("max(e.occurred_at)", leaf)
        return f"(p.at_ms - floor(extract(epoch FROM {latest}) * 1000)::bigint)"

    def _column(self, aggregate: str, leaf: EventLeaf, besides: str | None = None) -> str:
        tests = [f"e.name = {self._name(leaf.name)}"]
        if leaf.window.kind is not WindowKind.EVER:
            tests.append(self._window(leaf.window))
        tests += [
            compare(self.bind, test.op, self._property(test.property), test.value)
            for test in leaf.where
        ]
        if besides is not None:
            tests.append(besides)
        expression = f"{aggregate} FILTER (WHERE {' AND '.join(tests)})"
        column = self.aggregates.setdefault(expression, f"a{len(self.aggregates)}")
        return f"g{int(column[1:]) // COLUMNS_PER_PASS}.{column}"

    def _name(self, name: str) -> str:
        self.names.add(name)
        return self.bind(name, "text")

    def _window(self, window: Window) -> str:
        column = self.windows.setdefault(window, f"w{len(self.windows)}")
        self.has_session |= window.kind is WindowKind.SESSION
        return f"e.{column}"

    def _property(self, name: str | None) -> str:
        assert name is not None, "the parser asks for `of` where an aggregate needs it"
        return "e." + self.properties.setdefault(name, f"p{len(self.properties)}")

    # The statement

    def finish(self, verdicts: tuple[str, ...], changing: str, bounds: list[str]) -> CompiledQuery:
        passes = self._passes()
        ctes = [_SESSION] if self.has_session else []
        joins = ["LEFT JOIN session s ON s.n = p.n"] if self.has_session else []
        for i, columns in enumerate(passes):
            ctes.append(self._pass(f"g{i}", columns, bounds))
            joins.append(f"LEFT JOIN g{i} ON g{i}.n = p.n")
        hard = ["coalesce(g0.hard, false)"] if self.properties and passes else []
        if self.traits:
            joins.append(self._trait_join())
            hard.append("t.hard")
        return CompiledQuery(
            tuple(ctes),
            "\n".join(joins),
            verdicts,
            changing,
            " OR ".join(hard) or "false",
            self.bind.params,
        )

    def _trait_join(self) -> str:
        """The traits that are read, once per pair, without what cannot be cast."""
        raws = {
            column: f"nullif(p.traits -> {self.bind(name, 'text')} -> 0, 'null'::jsonb)"
            for name, column in self.traits.items()
        }
        columns = [
            f"CASE WHEN NOT {_is_hard(raw)} THEN {raw} END AS {column}"
            for column, raw in raws.items()
        ]
        hard = " OR ".join(_is_hard_trait(raw) for raw in raws.values())
        return f"CROSS JOIN LATERAL (SELECT {', '.join(columns)}, ({hard}) AS hard OFFSET 0) t"

    def _passes(self) -> list[list[str]]:
        columns = [f"{expression} AS {name}" for expression, name in self.aggregates.items()]
        return [
            columns[start : start + COLUMNS_PER_PASS]
            for start in range(0, len(columns), COLUMNS_PER_PASS)
        ]

    def _pass(self, name: str, columns: list[str], bounds: list[str]) -> str:
        """One reading of the events of every pair, its aggregates side by side."""
        event = [
            'p.n, e.name, e.occurred_at, e.message_id COLLATE "C" AS message_id',
            "coalesce(e.original_at, e.occurred_at) AS ordered_at",
        ]
        event += [f"{self._in_window(window)} AS {at}" for window, at in self.windows.items()]
        raws = {key: f"e.properties -> {self.bind(key, 'text')}" for key in self.properties}
        event += [f"{_scalar(raws[key])} AS {at}" for key, at in self.properties.items()]
        outputs = ["e.n", *columns]
        if self.properties:
            event.append(f"({' OR '.join(map(_is_hard, raws.values()))}) AS hard")
            outputs.append("bool_or(e.hard) AS hard")
        session = "LEFT JOIN session s ON s.n = p.n" if self.has_session else ""
        names = self.bind(sorted(self.names), "text[]")
        # OFFSET 0 keeps the planner from repeating the extraction in every FILTER.
        return f"""{name} AS (
SELECT {", ".join(outputs)} FROM (
  SELECT {", ".join(event)}
  FROM pair p {session}
  JOIN events_event e ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  WHERE {" AND ".join(bounds)} AND e.name = ANY({names})
  OFFSET 0
) e GROUP BY e.n)"""

    def _in_window(self, window: Window) -> str:
        if window.kind is WindowKind.SESSION:
            return "(s.n IS NOT NULL AND e.identity_id = s.device AND e.occurred_at >= s.start)"
        # (t - w, t] in whole milliseconds, whatever finer parts a stored time has.
        return f"(e.occurred_at >= p.at_end - interval '{window.ms} milliseconds')"


def _instant(ms: str) -> str:
    return f"(timestamptz 'epoch' + {ms} * interval '1 millisecond')"


# The session of a pair: the device of its latest event, and where the run of that device's events
# with gaps below the idle time begins. Pairs whose latest event is too old have none.
_SESSION = f"""session AS MATERIALIZED (
SELECT p.n, l.device, b.start
FROM pair p
CROSS JOIN LATERAL (
  SELECT e.identity_id AS device FROM events_event e
  WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end
    AND e.occurred_at >= p.at_end - interval '{SESSION_IDLE_MS} milliseconds'
  ORDER BY e.occurred_at DESC, coalesce(e.original_at, e.occurred_at) DESC,
    e.message_id COLLATE "C" DESC
  LIMIT 1
) l
CROSS JOIN LATERAL (
  SELECT max(g.occurred_at) AS start FROM (
    SELECT e.occurred_at, lag(e.occurred_at) OVER (ORDER BY e.occurred_at) AS earlier FROM (
      SELECT date_trunc('milliseconds', e.occurred_at) AS occurred_at FROM events_event e
      WHERE e.profile_id = p.profile_id AND e.identity_id = l.device
        AND e.occurred_at < p.at_end
    ) e
  ) g
  WHERE g.earlier IS NULL
    OR g.occurred_at - g.earlier >= interval '{SESSION_IDLE_MS} milliseconds'
) b)"""


def _scalar(raw: str) -> str:
    """A property as conditions see it: a text, a boolean, a number that can be cast; else NULL."""
    return (
        f"CASE WHEN jsonb_typeof({raw}) IN ('string', 'boolean') THEN {raw}"
        f" WHEN jsonb_typeof({raw}) = 'number' AND {number_text_limit(raw)} THEN {raw} END"
    )


def _is_hard(raw: str) -> str:
    return (
        f"CASE WHEN jsonb_typeof({raw}) = 'number' THEN NOT {number_text_limit(raw)} ELSE false END"
    )


def _is_hard_trait(found: str) -> str:
    return (
        f"CASE jsonb_typeof({found}) WHEN 'number' THEN NOT {number_text_limit(found)}"
        f" WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements({found}) AS i(x)"
        f" WHERE {_is_hard('i.x')}) ELSE false END"
    )


def _number(value: str) -> str:
    return f"CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::float8 END"


def _typed(value: str) -> str:
    """A text that is equal for values that `eq` calls equal: 1 and 1.0 are, 1 and true are not."""
    return (
        f"CASE WHEN jsonb_typeof({value}) = 'number' THEN 'n' || ({value})::float8::text"
        f" ELSE ({value})::text END"
    )


WRITERS: dict[type, Callable[[_Query, Any], str]] = {
    TraitLeaf: _Query.trait,
    EventLeaf: _Query.event,
    PercentLeaf: _Query.percent,
    # What is not put in place is not live: nobody is a member of it.
    SegmentLeaf: lambda query, node: "false",
    Nested: lambda query, node: f"coalesce({query.truth(node.where)}, false)",
    All: lambda query, node: query.all_of(node.parts),
    AnyOf: lambda query, node: query.any_of(node.parts),
    NoneOf: lambda query, node: f"(NOT {query.any_of(node.parts)})",
    Not: lambda query, node: f"(NOT {query.truth(node.part)})",
    AtLeast: lambda query, node: query.at_least(node),
}
