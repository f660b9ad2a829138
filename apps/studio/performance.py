"""How what serves performs, day by day: the curves of the home page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse

from apps.access import small_cells
from apps.studio.domain.charts import share_pct

DAYS: Final = 14
SHOWN: Final = 8  # placements, the busiest first
WIDTH: Final = 120.0
HEIGHT: Final = 32.0

# The busiest placements by answers, and their days; who is never asked for is in none of them.
_PERFORMANCE: Final = """
WITH busiest AS (
  SELECT placement, sum(calls) AS total FROM decisions_servedday
  WHERE site_id = %(site)s AND day >= %(since)s
  GROUP BY placement ORDER BY total DESC, placement LIMIT %(most)s
), calls AS (
  SELECT s.placement, s.day, sum(s.calls)::bigint AS calls,
    coalesce(sum(s.calls) FILTER (WHERE s.reason IN ('TARGETING_MATCH', 'SPLIT')), 0)::bigint
      AS special
  FROM decisions_servedday s JOIN busiest USING (placement)
  WHERE s.site_id = %(site)s AND s.day >= %(since)s GROUP BY s.placement, s.day
), seen AS (
  SELECT h.placement, h.day, sum(h.exposures)::bigint AS exposures,
    sum(h.conversions)::bigint AS conversions
  FROM decisions_shownday h JOIN busiest USING (placement)
  WHERE h.site_id = %(site)s AND h.day >= %(since)s GROUP BY h.placement, h.day
)
SELECT b.placement, day, coalesce(c.calls, 0), coalesce(c.special, 0),
  coalesce(e.exposures, 0), coalesce(e.conversions, 0)
FROM calls c FULL JOIN seen e USING (placement, day) JOIN busiest b USING (placement)
ORDER BY b.total DESC, b.placement, day
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """A small line: closed `area` below it, in a box of `width` x `height`, y downward."""

    line: str
    area: str
    words: str
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Performance:
    """One placement over some days of UTC, today the last.

    Attributes:
        calls, special, exposures, conversions: by day; `special` are answers that were not the
            default but chosen for the visitor.
        special_pct: of all answers.
        conversion_pct: goals for each hundred showings; None below ten goals.
        link: the coverage of the placement.
    """

    placement: str
    calls: list[int]
    special: list[int]
    exposures: list[int]
    conversions: list[int]
    special_pct: float
    conversion_pct: float | None
    curve: Curve
    link: str

    @property
    def answers(self) -> int:
        """All answers of the days."""
        return sum(self.calls)


def performance(site_id: UUID, now: datetime, days: int = DAYS) -> list[Performance]:
    """Return how the busiest placements did over the last days. One query on counted days."""
    first = now.date() - timedelta(days=days - 1)
    with connection.cursor() as cursor:
        cursor.execute(_PERFORMANCE, {"site": str(site_id), "since": first, "most": SHOWN})
        rows = cursor.fetchall()
    by_placement: dict[str, dict[date, Sequence[int]]] = {}
    for placement, day, *counts in rows:
        by_placement.setdefault(placement, {})[day] = counts
    all_days = [first + timedelta(days=at) for at in range(days)]
    return [_of(placement, found, all_days) for placement, found in by_placement.items()]


def _of(placement: str, found: dict[date, Sequence[int]], days: Sequence[date]) -> Performance:
    rows: list[Any] = [found.get(day, (0, 0, 0, 0)) for day in days]
    calls, special, exposures, conversions = ([row[at] for row in rows] for at in range(4))
    total, today = small_cells.words(sum(calls)), small_cells.words(calls[-1])
    words = f"{placement}: {total} answers in {len(days)} days, {today} today"
    goals = small_cells.told(sum(conversions))
    return Performance(
        placement=placement,
        calls=calls,
        special=special,
        exposures=exposures,
        conversions=conversions,
        special_pct=share_pct(sum(special), sum(calls)),
        conversion_pct=None if goals is None else share_pct(goals, sum(exposures)),
        curve=curve(calls, words),
        link=f"{reverse('admin:coverage')}?q={placement}",
    )


def curve(values: Sequence[int], words: str) -> Curve:
    """Return the line of some values, evenly apart; zero is the lower edge."""
    top = max(values, default=0) or 1
    step = WIDTH / max(1, len(values) - 1)
    points = [
        f"{at * step:.1f} {HEIGHT * (1 - value / top):.1f}" for at, value in enumerate(values)
    ]
    line = "M" + "L".join(points) if points else ""
    area = f"{line}L{(len(points) - 1) * step:.1f} {HEIGHT}L0 {HEIGHT}Z" if points else ""
    return Curve(line, area, words)
