"""Who was in which segments at instants of the past, as recorded, or as can be told now."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.segments.selectors import in_force, meant
from apps.segments.sql import compile_query
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed
from apps.work import clock
from engine.conditions.nodes import Node
from engine.conditions.scope import inline_segments

MOST_PAIRS: Final = 500  # one statement knows all their instants

_STAYS: Final = """
SELECT m.profile_id, s.number, m.since, m.left_at
FROM segments_membership m JOIN segments_segment s ON s.id = m.segment_id
WHERE m.profile_id = ANY(%(profiles)s::uuid[])
"""
_JUDGED: Final = """
WITH pair AS (
  SELECT q.n, q.profile_id, q.at_ms,
    timestamptz 'epoch' + (q.at_ms + 1) * interval '1 millisecond' AS at_end, s.unit_id, s.traits
  FROM jsonb_to_recordset(%(pairs)s::jsonb) AS q(n int, profile_id uuid, at_ms bigint)
  JOIN profiles_profilestate s ON s.profile_id = q.profile_id AND {may_be}
){ctes}
SELECT p.n{verdicts} FROM pair p {joins}
"""

Pair = tuple[UUID, int]  # a profile and an instant in ms since 1970


class Stood(NamedTuple):
    """One recorded stay in [since, left), in ms since 1970; `left_ms` None: it goes on."""

    number: int
    since_ms: int
    left_ms: int | None

    def covers(self, at_ms: int) -> bool:
        """Whether it was going on at an instant."""
        return self.since_ms <= at_ms and (self.left_ms is None or at_ms < self.left_ms)


def stays_of(profile_ids: Collection[UUID]) -> dict[UUID, list[Stood]]:
    """Return every stay that is recorded of some profiles; nobody who has none. One statement."""
    found: dict[UUID, list[Stood]] = {}
    ids = "{" + ",".join(map(str, profile_ids)) + "}"
    for profile, number, since, left in boxed.rows(_STAYS, {"profiles": ids}):
        left_ms = None if left is None else clock.to_ms(left)
        found.setdefault(profile, []).append(Stood(number, clock.to_ms(since), left_ms))
    return found


def judged(
    site_id: UUID, nodes: Mapping[int, Node], pairs: Sequence[Pair]
) -> dict[Pair, frozenset[int]]:
    """Return which conditions people met at instants, by what is known of their events now.

    Traits are as they are today. Who has no state row any more, or does not allow it now, is
    missing. One statement.

    Args:
        nodes: by any number; none may read the request.
        pairs: at most MOST_PAIRS.

    Raises:
        StudyTooSlow: it took more than five seconds.
    """
    assert len(pairs) <= MOST_PAIRS
    if not nodes or not pairs:
        return {}
    known = in_force(site_id)[0]
    asked = [inline_segments(meant(site_id, node), known) for node in nodes.values()]
    moments = [at_ms for _, at_ms in pairs]
    query = compile_query(
        asked, site_id=site_id, first_ms=min(moments), last_ms=max(moments), instants=moments
    )
    statement = _JUDGED.format(
        may_be=may_be_placed("s", site="s.site_id", now="now()"),
        ctes="".join(f",\n{cte}" for cte in query.ctes),
        joins=query.joins,
        verdicts="".join(f", coalesce({verdict}, false)" for verdict in query.verdicts),
    )
    rows = [
        {"n": n, "profile_id": str(profile), "at_ms": at_ms}
        for n, (profile, at_ms) in enumerate(pairs)
    ]
    params = {**query.params, "pairs": msgspec.json.encode(rows).decode()}
    numbers = list(nodes)
    return {
        pairs[n]: frozenset(
            number for number, is_met in zip(numbers, verdicts, strict=True) if is_met
        )
        for n, *verdicts in boxed.rows(statement, params)
    }
