"""What was served and seen by day, and who is spoken to by which theme: counts for the pages.

Read in SQL, as reports are: each function is one statement on an index.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.segments.studies.boxed import FEWEST

_SERVED: Final = """
SELECT placement, variant, reason, sum(calls)::bigint, sum(visitors)::bigint
FROM decisions_servedday
WHERE site_id = %(site)s AND day >= %(since)s AND placement = ANY(%(placements)s)
GROUP BY placement, variant, reason
"""
_SHOWN: Final = """
SELECT placement, variant, sum(exposures)::bigint, sum(conversions)::bigint
FROM decisions_shownday
WHERE site_id = %(site)s AND day >= %(since)s AND placement = ANY(%(placements)s)
GROUP BY placement, variant
"""
_COUNTED: Final = "SELECT max(counted_at) FROM decisions_countedday WHERE site_id = %(site)s"
_THEMES: Final = """
SELECT t.id, t.name, t.key,
  (SELECT count(*) FROM content_theme_segments ts WHERE ts.theme_id = t.id),
  (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]')::text FROM (
    SELECT s.name FROM content_theme_segments ts JOIN segments_segment s ON s.id = ts.segment_id
    WHERE ts.theme_id = t.id ORDER BY s.name LIMIT 5) names)
FROM content_theme t WHERE t.site_id = %(site)s AND t.archived_at IS NULL
ORDER BY t.name, t.key LIMIT %(most)s
"""
_PLACED: Final = """
SELECT p.id, p.key, p.name, b.id, b.key, b.name FROM content_placement p
JOIN content_block b ON b.id = p.block_id
WHERE p.site_id = %(site)s AND p.archived_at IS NULL AND b.archived_at IS NULL
  AND (%(query)s = '' OR p.key ILIKE %(like)s OR p.name ILIKE %(like)s OR b.key ILIKE %(like)s
    OR b.name ILIKE %(like)s)
ORDER BY p.key LIMIT %(most)s OFFSET %(skip)s
"""
_SPEAKING: Final = """
SELECT v.block_id, v.theme_id, v.key, true FROM content_variant v
WHERE v.block_id = ANY(%(blocks)s::uuid[]) AND v.archived_at IS NULL AND v.theme_id IS NOT NULL
UNION ALL
SELECT DISTINCT v.block_id, ts.theme_id, v.key, false FROM content_variant v
JOIN content_variant_segments vs ON vs.variant_id = v.id
JOIN content_theme_segments ts ON ts.segment_id = vs.segment_id
WHERE v.block_id = ANY(%(blocks)s::uuid[]) AND v.archived_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Served:
    """What was answered with one variant of a placement for one reason, over some days.

    Attributes:
        visitors: of each day, added up: who came on two days counts twice.
    """

    placement: str
    variant: str
    reason: str
    calls: int
    visitors: int

    @property
    def is_of_few(self) -> bool:
        """Fewer than ten people: not counted aloud."""
        return self.visitors < FEWEST


@dataclass(frozen=True, slots=True)
class Shown:
    """What was seen of one variant, and the goals that followed, over some days."""

    placement: str
    variant: str
    exposures: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement of the drafts and the block that fills it."""

    id: UUID
    key: str
    name: str
    block_id: UUID
    block: str
    block_name: str


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme with how many segments it speaks to, and the names of the first five."""

    id: UUID
    name: str
    key: str
    segments: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class Speaking:
    """A variant that speaks to a theme's people: as one of the theme, or by a segment of theirs."""

    block_id: UUID
    theme_id: UUID
    variant: str
    is_of_theme: bool


def first_day(now: datetime, days: int) -> date:
    """The first of so many days of UTC, today the last."""
    return now.date() - timedelta(days=days - 1)


def served(site_id: UUID, placements: Sequence[str], since: date) -> list[Served]:
    """Return what was answered in some placements since a day."""
    rows = _rows(_SERVED, site=site_id, placements=list(placements), since=since)
    return [Served(*row) for row in rows]


def shown(site_id: UUID, placements: Sequence[str], since: date) -> list[Shown]:
    """Return what was seen of some placements since a day."""
    rows = _rows(_SHOWN, site=site_id, placements=list(placements), since=since)
    return [Shown(*row) for row in rows]


def counted_at(site_id: UUID) -> datetime | None:
    """Return when a day was counted last; None: never."""
    rows = _rows(_COUNTED, site=site_id)
    return None if not rows else rows[0][0]


def themes(site_id: UUID, most: int) -> list[Theme]:
    """Return the site's themes by name."""
    rows = _rows(_THEMES, site=site_id, most=most)
    return [Theme(pk, name, key, count, json.loads(names)) for pk, name, key, count, names in rows]


def placed(site_id: UUID, query: str, most: int, skip: int = 0) -> list[Placed]:
    """Return placements of the drafts that a block fills, by key, with a word in their names."""
    like = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = _rows(_PLACED, site=site_id, query=query, like=like, most=most, skip=skip)
    return [Placed(*row) for row in rows]


def speaking(blocks: Sequence[UUID]) -> list[Speaking]:
    """Return which variants of blocks speak to whom among the themes."""
    return [Speaking(*row) for row in _rows(_SPEAKING, blocks=[str(one) for one in blocks])]


def _rows(sql: str, **parameters: Any) -> list[Any]:
    bound = {
        name: str(value) if isinstance(value, UUID) else value for name, value in parameters.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        rows: list[Any] = cursor.fetchall()
        return rows
