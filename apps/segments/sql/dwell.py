"""Dwell: active time on pages, from heartbeats and leavings, and the page that is open now."""

from apps.segments.sql import dialect as sql
from apps.segments.sql.changing import SESSIONS, STEADY, either, window_changing
from apps.segments.sql.comparison import compare_whole
from apps.segments.sql.statement import PATH, Statement
from apps.segments.sql.windows import EVER, PAGE_VIEW_ID
from engine.conditions.nodes import DwellLeaf, DwellOn, Match
from engine.conditions.windows import idle_of

VIEWED, HEARTBEAT, LEFT = "Page Viewed", "Page Heartbeat", "Page Left"
OPEN_MS = 10_000  # an open page view counts on for so long after its latest event
MOST_MS = 3_600_000  # what one event may add


def dwell(statement: Statement, leaf: DwellLeaf) -> str:
    """The comparison of the active time; always known."""
    return compare_whole(statement.bind, leaf.op, _milliseconds(statement, leaf), leaf.value)


def dwell_changing(statement: Statement, leaf: DwellLeaf) -> str:
    """While a page view counts on, or one of the events may leave the window."""
    if leaf.on is DwellOn.SESSION:
        return f"({statement.session(idle_of(leaf.window))}.n IS NOT NULL)"
    name = _pages(statement, leaf)
    found = {f"coalesce(p.at_ms - {name}.open_ms < {OPEN_MS}, false)"}
    if leaf.window.kind in SESSIONS:
        found.add(window_changing(statement, leaf.window, Match(VIEWED)))
    elif leaf.window.kind not in STEADY:
        found.add(f"coalesce({name}.is_any, false)")
    return either(found)


def _milliseconds(statement: Statement, leaf: DwellLeaf) -> str:
    """The active time as an exact number."""
    if leaf.on is DwellOn.SESSION:
        start = f"{statement.session(idle_of(leaf.window))}.start"
        return f"coalesce(p.at_ms - {sql.milliseconds(start)}, 0)"
    name = _pages(statement, leaf)
    # Without an open page view it is as if one had opened just now.
    still = f"least(p.at_ms - coalesce({name}.open_ms, p.at_ms), {OPEN_MS})"
    return f"(coalesce({name}.active, 0) + {still})"


def _pages(statement: Statement, leaf: DwellLeaf) -> str:
    """A joined CTE: active ms of the page views that count, and since when one is open."""
    rows = statement.path()
    # Which page views count, and what a leaving adds, is decided by all there is.
    rows.within(EVER)
    events = [rows.meets(Match(name)) for name in (VIEWED, HEARTBEAT, LEFT)]
    viewed, heartbeat, left = (statement.bind(name, "text") for name in (VIEWED, HEARTBEAT, LEFT))
    page_view, active = rows.value(PAGE_VIEW_ID), rows.value("active_ms")
    amount = f"least(greatest(coalesce({sql.decimal(active)}, 0), 0), {MOST_MS})"
    beats = (
        f"coalesce(sum(d.active) FILTER (WHERE d.name = {heartbeat})"
        " OVER (PARTITION BY d.n, d.id ORDER BY d.rank), 0)"
    )
    accepted = "true"
    if leaf.on is DwellOn.PAGE:
        accepted = (
            f"first_value(d.name = {viewed} AND d.passes) OVER (PARTITION BY d.n, d.id"
            f" ORDER BY CASE WHEN d.name = {viewed} THEN 0 ELSE 1 END, d.rank)"
        )
    return statement.part(
        f"""SELECT a.n, sum(a.added) FILTER (WHERE a.accepted AND a.inside) AS active,
  max(a.ms) FILTER (WHERE a.accepted AND a.inside AND a.rank = a.latest AND a.name <> {left})
    AS open_ms,
  bool_or(a.accepted AND a.inside) AS is_any
FROM (
  SELECT d.n, d.name, d.ms, d.rank, d.inside, {accepted} AS accepted,
    max(d.rank) OVER (PARTITION BY d.n) AS latest,
    CASE d.name WHEN {heartbeat} THEN d.active WHEN {left} THEN greatest(d.active - {beats}, 0)
      ELSE 0 END AS added
  FROM (
    SELECT e.n, e.name, e.ms, e.rank, {sql.typed(page_view)} AS id, {amount} AS active,
      coalesce({rows.within(leaf.window)}, false) AS inside,
      coalesce({rows.passes(leaf.where)}, false) AS passes
    FROM {PATH} e WHERE ({" OR ".join(events)}) AND {page_view} IS NOT NULL
  ) d
) a GROUP BY a.n""",
        joined=True,
    )
