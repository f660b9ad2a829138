"""How many people meet each of many conditions, asked of everyone in one pass."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.segments.selectors import in_force, meant
from apps.segments.sql import compile_query
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed
from apps.work import clock
from engine.conditions.nodes import Node
from engine.conditions.scope import inline_segments

MOST_AT_ONCE: Final = 64
_NOW: Final = "(timestamptz 'epoch' + %(at_ms)s::bigint * interval '1 millisecond')"

_COUNTS: Final = """
WITH pair AS (
SELECT s.profile_id AS n, s.profile_id, %(at_ms)s::bigint AS at_ms,
  timestamptz 'epoch' + (%(at_ms)s::bigint + 1) * interval '1 millisecond' AS at_end,
  s.unit_id, s.traits
FROM profiles_profilestate s WHERE s.site_id = %(site_id)s::uuid AND s.merged_into IS NULL
  AND {may_be}
){ctes}
SELECT count(*){counts} FROM pair p {joins}
"""


def everyone_and_counts(
    site_id: UUID, nodes: Sequence[Node], *, now: datetime, limit_s: float | None = None
) -> tuple[int, list[int]]:
    """Return (profiles of the site, how many of them meet each condition). One statement.

    Segments that they nest and computed traits are put in place. The few that SQL cannot answer, a
    fading score within rounding of its threshold, count by SQL's answer.

    Raises:
        StudyTooSlow: it took longer than the limit.
    """
    assert len(nodes) <= MOST_AT_ONCE
    now_ms = clock.to_ms(now)
    known = in_force(site_id)[0]
    asked = [inline_segments(meant(site_id, node), known) for node in nodes]
    query = compile_query(asked, site_id=site_id, first_ms=now_ms, last_ms=now_ms)
    statement = _COUNTS.format(
        may_be=may_be_placed("s", site="%(site_id)s::uuid", now=_NOW),
        ctes="".join(f",\n{cte}" for cte in query.ctes),
        joins=query.joins,
        counts="".join(f",\n  count(*) FILTER (WHERE {verdict})" for verdict in query.verdicts),
    )
    params = {**query.params, "at_ms": now_ms, "site_id": str(site_id)}
    ((everyone, *counts),) = boxed.rows(statement, params, limit_s)
    return everyone, counts
