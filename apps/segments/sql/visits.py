"""Sessions of a pair in SQL: the open one, all visits, the page view. See docs/conditions.md."""

from apps.segments.sql import dialect as sql
from engine.facts import SESSION_IDLE_MS


def session_cte(name: str, idle_ms: int) -> str:
    """The open session of each pair that has one: n, device (NULL for none), start.

    That of the device of the latest event with a device; when it is over, that of the events
    without one. The piece begins at the latest event that follows a gap.
    """
    idle = sql.duration(idle_ms)
    recent = f"e.occurred_at >= p.at_end - {idle}"
    return f"""{name} AS MATERIALIZED (
SELECT p.n, l.device, b.start
FROM pair p
CROSS JOIN LATERAL (
  SELECT {sql.DEVICE} AS device FROM events_personal e
  WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end AND {recent}
  ORDER BY {sql.DEVICE} IS NULL, {sql.LATEST_FIRST}
  LIMIT 1
) l
CROSS JOIN LATERAL (
  SELECT max(g.at) AS start FROM (
    SELECT e.at, lag(e.at) OVER (ORDER BY e.at) AS earlier FROM (
      SELECT {sql.whole_ms("e.occurred_at")} AS at FROM events_personal e
      WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end
        AND {sql.DEVICE} IS NOT DISTINCT FROM l.device
    ) e
  ) g
  WHERE g.earlier IS NULL OR g.at - g.earlier >= {idle}
) b)"""


def pieces_query(source: str, columns: str = "e.n, e.at, e.device") -> str:
    """Rows of `source` e with the number of the piece of their device's chain as `piece`."""
    idle = sql.duration(SESSION_IDLE_MS)
    return f"""
  SELECT g.*, count(*) FILTER (WHERE g.at - g.earlier >= {idle})
    OVER (PARTITION BY g.n, g.device ORDER BY g.at) AS piece
  FROM (
    SELECT {columns}, lag(e.at) OVER (PARTITION BY e.n, e.device ORDER BY e.at) AS earlier
    FROM {source} e
  ) g"""


def visits_cte() -> str:
    """All sessions of each pair: n, device, start, finish, place from 1, back from the last 1."""
    # Without any event that has a device, those without make the visits.
    events = f"""(
    SELECT p.n, {sql.whole_ms("e.occurred_at")} AS at, {sql.DEVICE} AS device,
      bool_or({sql.DEVICE} IS NOT NULL) OVER (PARTITION BY p.n) AS has_device
    FROM pair p JOIN events_personal e
      ON e.profile_id = p.profile_id AND e.occurred_at < p.at_end
  )"""
    kept = f"(SELECT * FROM {events} k WHERE k.device IS NOT NULL OR NOT k.has_device)"
    return f"""visits AS (
SELECT v.*, row_number() OVER (PARTITION BY v.n ORDER BY v.start, v.device) AS place,
  row_number() OVER (PARTITION BY v.n ORDER BY v.start DESC, v.device DESC) AS back
FROM (
  SELECT c.n, c.device, min(c.at) AS start, max(c.at) AS finish
  FROM ({pieces_query(kept)}
  ) c GROUP BY c.n, c.device, c.piece
) v)"""


def page_view_cte(session: str, key: str) -> str:
    """The page view of each pair: n, id as a typed text. That of the session's latest event."""
    value = sql.scalar(sql.member("e.properties", key))
    return f"""page_view AS (
SELECT p.n, l.id
FROM pair p JOIN {session} s ON s.n = p.n
CROSS JOIN LATERAL (
  SELECT {sql.typed(value)} AS id FROM events_personal e
  WHERE e.profile_id = p.profile_id AND e.occurred_at < p.at_end AND e.occurred_at >= s.start
    AND ({sql.DEVICE} IS NULL OR {sql.DEVICE} = s.device) AND {value} IS NOT NULL
  ORDER BY {sql.LATEST_FIRST}
  LIMIT 1
) l)"""
