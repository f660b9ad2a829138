"""Whether a segment stays the same people month by month: who was in it then, and is still."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.segments.studies import boxed

MONTHS: Final = 6
MONTH: Final = timedelta(days=30)

_STAYED: Final = """
WITH looked AS (
  SELECT at, place FROM unnest(%(instants)s::timestamptz[]) WITH ORDINALITY AS l(at, place)
), inside AS (
  SELECT m.segment_id, l.place, m.profile_id
  FROM looked l JOIN segments_membership m
    ON m.since <= l.at AND (m.left_at IS NULL OR m.left_at > l.at)
  WHERE m.segment_id = ANY(%(segments)s::uuid[])
)
SELECT a.segment_id, a.place, count(*), count(b.profile_id)
FROM inside a LEFT JOIN inside b
  ON b.segment_id = a.segment_id AND b.profile_id = a.profile_id AND b.place = a.place + 1
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Month:
    """From one instant to the next: how many were there, then, and how many of them stayed."""

    since: datetime
    before: int
    after: int
    stayed: int

    @property
    def jaccard(self) -> float | None:
        """Who was there both times, of who was there at either; None of nobody."""
        either = self.before + self.after - self.stayed
        return self.stayed / either if either else None

    @property
    def retention(self) -> float | None:
        """The share of those of before who stayed; None of nobody."""
        return self.stayed / self.before if self.before else None


def months_of(
    segment_ids: Sequence[UUID], *, now: datetime, months: int = MONTHS
) -> dict[UUID, list[Month]]:
    """Return the months of each segment, thirty days each, the oldest first. One statement.

    Months before its first member are left out.

    Raises:
        StudyTooSlow: it took more than five seconds.
    """
    instants = [now - MONTH * back for back in reversed(range(months + 1))]
    params = {
        "instants": [instant.isoformat() for instant in instants],
        "segments": "{" + ",".join(str(one) for one in segment_ids) + "}",
    }
    sizes: dict[UUID, dict[int, tuple[int, int]]] = {}
    for segment_id, place, size, stayed in boxed.rows(_STAYED, params):
        sizes.setdefault(segment_id, {})[place - 1] = (size, stayed)
    found: dict[UUID, list[Month]] = {}
    for segment_id in segment_ids:
        own = sizes.get(segment_id, {})
        first = min(own, default=months)
        found[segment_id] = [
            Month(instants[place], *_pair(own, place)) for place in range(first, months)
        ]
    return found


def _pair(own: dict[int, tuple[int, int]], place: int) -> tuple[int, int, int]:
    size, stayed = own.get(place, (0, 0))
    return size, own.get(place + 1, (0, 0))[0], stayed
