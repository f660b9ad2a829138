"""RFM: who buys often, much and lately, scored over everyone, and turned into drafts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from apps.access.selectors import zone_of
from apps.segments import services
from apps.segments.domain.rfm import (
    MAX_BINS,
    MIN_BINS,
    Cell,
    Thresholds,
    beginnings,
    condition_of,
)
from apps.segments.errors import InvalidStudy
from apps.segments.models import Segment
from apps.segments.sql.placing import may_be_placed
from apps.segments.studies import boxed

MAX_DAYS: Final = 5 * 365


@dataclass(frozen=True, slots=True)
class Study:
    """Everyone who bought in the last `days`, by their scores.

    Attributes:
        event, value: the purchase, and its property that is summed.
        people: (R, F, M) -> how many.
    """

    event: str
    value: str
    days: int
    thresholds: Thresholds
    people: Mapping[tuple[int, int, int], int]

    @property
    def buyers(self) -> int:
        """How many bought."""
        return sum(self.people.values())

    def size(self, cell: Cell) -> int:
        """How many of them belong to a cell."""
        return sum(count for scores, count in self.people.items() if cell.has(*scores))

    def grid(self, recency: int, frequency: int) -> int:
        """How many have these two scores."""
        bins = range(1, self.thresholds.bins + 1)
        return sum(self.people.get((recency, frequency, monetary), 0) for monetary in bins)


# A rank starts at 1 and ties share the lower one; the whole division makes scores of it.
_SCORED: Final = f"""
WITH bought AS MATERIALIZED (
  SELECT floor(extract(epoch FROM %(now)s::timestamptz - max(e.occurred_at)) / 86400)::int AS days,
    count(DISTINCT (e.occurred_at AT TIME ZONE %(zone)s)::date) AS frequency,
    coalesce(sum(CASE WHEN jsonb_typeof(e.properties -> %(value)s) = 'number'
      THEN (e.properties ->> %(value)s)::numeric END), 0)::float8 AS monetary
  FROM events_personal e JOIN profiles_profilestate s ON s.profile_id = e.profile_id
  WHERE e.site_id = %(site)s::uuid AND e.name = %(event)s AND e.occurred_at > %(since)s
    AND e.occurred_at <= %(now)s AND s.merged_into IS NULL
    AND {may_be_placed("s", site="%(site)s::uuid", now="%(now)s::timestamptz")}
  GROUP BY e.profile_id
), scored AS (
  SELECT days, frequency, monetary,
    ((rank() OVER (ORDER BY days DESC) - 1) * %(bins)s / count(*) OVER () + 1)::int AS r,
    ((rank() OVER (ORDER BY frequency) - 1) * %(bins)s / count(*) OVER () + 1)::int AS f,
    ((rank() OVER (ORDER BY monetary) - 1) * %(bins)s / count(*) OVER () + 1)::int AS m
  FROM bought
)
SELECT r, f, m, count(*), max(days), min(frequency), min(monetary) FROM scored GROUP BY r, f, m
"""


def study(site_id: UUID, *, event: str, value: str, days: int, bins: int, now: datetime) -> Study:
    """Score everyone with a purchase in the last `days` by recency, frequency and sum.

    Raises:
        InvalidStudy: there are not so many days or bins, or fewer than ten people bought.
        StudyTooSlow: it took more than five seconds.
    """
    if not MIN_BINS <= bins <= MAX_BINS:
        raise InvalidStudy(f"Scores have {MIN_BINS} to {MAX_BINS} steps.")
    if not 1 <= days <= MAX_DAYS:
        raise InvalidStudy(f"Look back 1 to {MAX_DAYS:,} days.")
    if not event or not value or "\0" in event + value:
        raise InvalidStudy("Name the purchase and the property that is summed.")
    params: dict[str, Any] = {
        "site": str(site_id), "event": event, "value": value, "bins": bins, "now": now,
        "since": now - timedelta(days=days), "zone": str(zone_of(site_id)),
    }  # fmt: skip
    rows = boxed.rows(_SCORED, params)
    if sum(row[3] for row in rows) < boxed.FEWEST:
        raise InvalidStudy(f'Fewer than {boxed.FEWEST} people have "{event}" in these days.')
    oldest: dict[int, int] = {}
    least: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for r, f, m, _, old, frequency, monetary in rows:
        oldest[r] = max(old, oldest.get(r, old))
        least[0][f] = min(frequency, least[0].get(f, frequency))
        least[1][m] = min(monetary, least[1].get(m, monetary))
    turned = beginnings({score: -old for score, old in oldest.items()}, bins)
    thresholds = Thresholds(
        bins,
        tuple(None if value is None else -int(value) for value in turned),
        beginnings(least[0], bins),
        beginnings(least[1], bins),
    )
    people = {(r, f, m): count for r, f, m, count, *_ in rows}
    return Study(event, value, days, thresholds, people)


@transaction.atomic
def draft(
    site_id: UUID,
    found: Study,
    cells: Sequence[Cell],
    *,
    actor: AbstractBaseUser | None,
    now: datetime,
) -> list[tuple[Segment, bool]]:
    """Make a segment `rfm-<key>` of each cell, or change its draft: (segment, whether it is new).

    Nothing is published: the conditions are plain ones that an editor goes on with.

    Raises:
        InvalidStudy: a cell has nobody, so there is no range of values to ask for; or a segment of
            this key has been archived.
    """
    made = []
    for cell in cells:
        if not found.size(cell):
            raise InvalidStudy(f'Nobody has the scores of "{cell.name}".')
        condition = condition_of(
            cell,
            found.thresholds,
            name=found.event,
            value=found.value,
            window={"last": f"{found.days}d"},
        )
        key = f"rfm-{cell.key}"[:60]
        present = Segment.objects.filter(site_id=site_id, key=key).first()
        if present is None:
            segment = services.create_segment(
                site_id=site_id,
                key=key,
                name=f"RFM: {cell.name}"[:120],
                condition=condition,
                description=f'By "{found.event}" over {found.days} days, scores of '
                f"{found.thresholds.bins}.",
                actor=actor,
                now=now,
            )
        elif present.is_archived:
            raise InvalidStudy(f'The segment "{key}" is archived: give the cell another name.')
        else:
            segment = services.change_draft(
                site_id=site_id, segment_id=present.pk, condition=condition, actor=actor, now=now
            )
        made.append((segment, present is None))
    return made
