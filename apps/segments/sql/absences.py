"""Absences: the latest event of each key that nothing has followed, and how long ago it was."""

from apps.segments.sql import dialect as sql
from apps.segments.sql.changing import SESSIONS, either, window_changing
from apps.segments.sql.statement import PATH, Statement
from apps.segments.sql.windows import EVER
from engine.conditions.nodes import AbsenceLeaf, WindowKind


def absence(statement: Statement, leaf: AbsenceLeaf) -> str:
    """Whether one has waited long enough. Those without `after` are counts: `lower.lowered`."""
    waited = f"p.at_ms - {_waiting(statement, leaf)} >= {leaf.for_ms}"
    return f"coalesce({waited}, false)"


def absence_changing(statement: Statement, leaf: AbsenceLeaf) -> str:
    """Someone waits, or may when an event enters the window, or another session opens."""
    assert leaf.after is not None, "without `after` it is a count"
    found = {f"({_waiting(statement, leaf)} IS NOT NULL)"}
    if leaf.window.kind in SESSIONS or leaf.window.kind is WindowKind.BETWEEN_AGO:
        found.add(window_changing(statement, leaf.window, leaf.after))
    return either(found)


def _waiting(statement: Statement, leaf: AbsenceLeaf) -> str:
    """When the earliest of those happened that nothing has followed; NULL when there is none."""
    assert leaf.after is not None, "without `after` it is a count"
    rows = statement.path()
    begun = f"({rows.meets(leaf.after)} AND {rows.within(leaf.window)})"
    # What answers it may lie outside the window.
    rows.within(EVER)
    followed = rows.meets(leaf.without)
    values = [rows.value(name) for name in leaf.by]
    tests = [f"({begun} OR {followed})", *(f"{value} IS NOT NULL" for value in values)]
    keys = ", ".join(["e.n", *map(sql.typed, values)])
    name = statement.part(
        f"""SELECT w.n, min(w.ms) AS ms FROM (
  SELECT e.n, max(e.ms) FILTER (WHERE {begun}) AS ms, max(e.rank) FILTER (WHERE {begun}) AS begun,
    max(e.rank) FILTER (WHERE {followed}) AS followed
  FROM {PATH} e WHERE {" AND ".join(tests)}
  GROUP BY {keys}
) w WHERE w.begun IS NOT NULL AND (w.followed IS NULL OR w.followed <= w.begun)
GROUP BY w.n""",
        joined=True,
    )
    return f"{name}.ms"
