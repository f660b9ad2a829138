"""Sequences: step by step, for each event of a step the latest start of a match that ends there.

A start is a time, because only that decides whether a match is short enough. An event of a step
looks back over the events of the step before with window functions; where something must not
happen between, both are numbered by how often it had happened, and only equal numbers see each
other.
"""

from dataclasses import dataclass, field

from apps.segments.sql import dialect as sql
from apps.segments.sql.changing import NO, SESSIONS, STEADY, window_changing
from apps.segments.sql.rows import Rows
from apps.segments.sql.statement import PATH, Statement
from apps.segments.sql.visits import pieces_query
from engine.conditions.nodes import ANY_EVENT, Match, SequenceLeaf


def sequence(statement: Statement, leaf: SequenceLeaf) -> str:
    """Whether enough completions count."""
    return f"(coalesce({_completions(statement, leaf)}, 0) >= {leaf.times})"


def sequence_changing(statement: Statement, leaf: SequenceLeaf) -> str:
    """Another session can change it; else starts only leave, so only a true one can."""
    if leaf.window.kind in STEADY:
        return NO
    if leaf.window.kind in SESSIONS:
        return window_changing(statement, leaf.window, leaf.steps[0].match)
    return sequence(statement, leaf)


@dataclass(slots=True)
class _Path:
    """The columns that all events of a match carry along.

    Attributes:
        shared: what must be equal in all of them, besides the pair.
        passed: step number (from 1) -> the counts of what must not follow it: for each gap the
            number of such events up to an event, that event included.
        before: the same without the event itself.
    """

    rows: Rows
    shared: list[str] = field(default_factory=list)
    passed: dict[int, list[str]] = field(default_factory=dict)
    before: dict[int, list[str]] = field(default_factory=dict)


def _completions(statement: Statement, leaf: SequenceLeaf) -> str:
    path = _Path(statement.path())
    source = _events(statement, leaf, path)
    step = _first(statement, leaf, path, source)
    for number in range(1, len(leaf.steps)):
        step = _next(statement, leaf, path, source, step, number)
    in_time = f" WHERE s.ms - s.start <= {leaf.within_ms}" if leaf.within_ms else ""
    done = statement.part(
        f"SELECT s.n, count(*) AS times FROM {step} s{in_time} GROUP BY s.n", joined=True
    )
    return f"{done}.times"


def _events(statement: Statement, leaf: SequenceLeaf, path: _Path) -> str:
    """The events of the steps with what they must share and what must not lie between, as a CTE."""
    rows = path.rows
    columns = ["e.*"]
    wanted = [step.match for step in leaf.steps] + [gap.match for gap in leaf.without]
    for i, name in enumerate(leaf.by):
        value = rows.value(name)
        columns.append(f"CASE WHEN {value} IS NOT NULL THEN {sql.typed(value)} END AS k{i}")
        path.shared.append(f"k{i}")
    if leaf.in_session:
        # Gaps are those between all events of a device.
        rows.meets(Match(ANY_EVENT))
        path.shared += ["device", "piece"]
    if leaf.is_strict:
        rows.meets(Match(ANY_EVENT))
    for i, gap in enumerate(leaf.without):
        is_met = rows.meets(gap.match)
        through = f"count(*) FILTER (WHERE {is_met}) OVER (PARTITION BY e.n ORDER BY e.rank)"
        columns.append(f"{through} AS x{i}")
        columns.append(f"{through} - CASE WHEN {is_met} THEN 1 ELSE 0 END AS y{i}")
        path.passed.setdefault(gap.after, []).append(f"x{i}")
        path.before.setdefault(gap.after, []).append(f"y{i}")
    source = PATH if not leaf.in_session else _pieces(statement)
    if len(columns) == 1:
        return source
    tests = " OR ".join(rows.meets(match) for match in wanted)
    return statement.part(f"SELECT {', '.join(columns)} FROM {source} e WHERE {tests}")


def _pieces(statement: Statement) -> str:
    """The events of the path with the number of the piece of their device's chain."""
    rows = f"(SELECT e.*, {sql.whole_ms('e.occurred_at')} AS at FROM {PATH} e)"
    return statement.part(pieces_query(rows, "e.*").strip())


def _step_tests(leaf: SequenceLeaf, path: _Path, number: int) -> list[str]:
    tests = [path.rows.meets(leaf.steps[number].match), path.rows.within(leaf.window)]
    tests += [f"e.k{i} IS NOT NULL" for i in range(len(leaf.by))]
    return [test for test in tests if test != "true"] or ["true"]


def _carried(path: _Path, number: int) -> list[str]:
    """What the events of a step (from 0) hand to the next: `g` are the counts behind them."""
    passed = path.passed.get(number + 1, [])
    return [*path.shared, *(f"{count} AS g{i}" for i, count in enumerate(passed))]


def _first(statement: Statement, leaf: SequenceLeaf, path: _Path, source: str) -> str:
    columns = ", ".join(["e.n", "e.ms", "e.rank", *_carried(path, 0), "e.ms AS start"])
    tests = " AND ".join(_step_tests(leaf, path, 0))
    return statement.part(f"SELECT {columns} FROM {source} e WHERE {tests}")


def _next(
    statement: Statement,
    leaf: SequenceLeaf,
    path: _Path,
    source: str,
    before: str,
    number: int,
) -> str:
    """The events of step `number` (from 0) that some match reaches, with its latest start.

    Rows with role 1 are those of the step before, with their starts; role 0 those of this step,
    which see only rows earlier in the total order. An event that is both is two rows.
    """
    gaps = path.before.get(number, [])
    counts = [f"g{i}" for i in range(len(gaps))]
    own = ["e.n", "e.ms", "e.rank", *path.shared]
    wanted = [*own, *gaps, "0 AS role", "CAST(NULL AS bigint) AS start"]
    offered = [*own, *counts, "1", "e.start"]
    names = ["n", "ms", "rank", *path.shared, *counts, "role", "begun"]
    # The counts behind this step, for the next one, are looked up by the event.
    carried = path.passed.get(number + 1, [])
    wanted += carried
    offered += ["NULL" for _ in carried]
    names += [f"h{i}" for i in range(len(carried))]
    tests = " AND ".join(_step_tests(leaf, path, number))
    start, earlier = _starts(leaf, [*path.shared, *counts], number)
    limit = f" AND r.ms - r.earlier <= {leaf.steps[number].within_ms}" if earlier else ""
    kept = ["r.n", "r.ms", "r.rank", *(f"r.{name}" for name in path.shared)]
    kept += [f"r.h{i} AS g{i}" for i in range(len(carried))]
    return statement.part(
        f"""SELECT {", ".join(kept)}, r.start FROM (
  SELECT b.*, {start} AS start{earlier}
  FROM (
    SELECT {", ".join(wanted)} FROM {source} e WHERE {tests}
    UNION ALL SELECT {", ".join(offered)} FROM {before} e
  ) b ({", ".join(names)})
) r WHERE r.role = 0 AND r.start IS NOT NULL{limit}"""
    )


def _starts(leaf: SequenceLeaf, shared: list[str], number: int) -> tuple[str, str]:
    """The latest start offered to a row; for strict ones a column `earlier`: the time before."""
    within_ms = leaf.steps[number].within_ms
    group = ", ".join(["b.n", *(f"b.{name}" for name in shared)])
    if leaf.is_strict:
        over = (
            f"OVER (PARTITION BY {group} ORDER BY b.rank RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING)"
        )
        earlier = f", max(b.ms) FILTER (WHERE b.role = 1) {over} AS earlier" if within_ms else ""
        return f"max(b.begun) {over}", earlier
    reach = f"{within_ms}" if within_ms else "UNBOUNDED"
    # Earlier milliseconds, and the same one in the total order: a frame has one order only.
    earlier_ms = (
        f"max(b.begun) OVER (PARTITION BY {group} ORDER BY b.ms"
        f" RANGE BETWEEN {reach} PRECEDING AND 1 PRECEDING)"
    )
    same_ms = (
        f"max(b.begun) OVER (PARTITION BY {group}, b.ms ORDER BY b.rank, b.role"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    return f"greatest({earlier_ms}, {same_ms})", ""
