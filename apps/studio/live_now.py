"""What visitors see now, place by place, what comes next, and what people did lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse
from django.utils.text import capfirst

from apps.content.revisions_lately import left_unsaved, saved_lately
from apps.studio.domain.ages import ago_words
from apps.studio.domain.charts import share_pct
from apps.studio.types import Problem, Published

DAYS: Final = 7
PLACES: Final = 8  # the busiest first
SHOWN: Final = 10

# Of the busiest placements: the variant that most were answered, since when its content serves,
# by which publication, and when a schedule changes the block next. What was brought back serves
# at least since then. Placements that serve and of which nothing is counted come last, with what
# is there for everybody.
_LIVE: Final = """
WITH busiest AS (
  SELECT placement, sum(calls) AS total FROM decisions_servedday
  WHERE site_id = %(site)s AND day >= %(since)s
  GROUP BY placement ORDER BY total DESC, placement LIMIT %(most)s
), first_of AS (
  SELECT DISTINCT ON (placement) placement, variant, sum(s.calls) AS calls
  FROM decisions_servedday s JOIN busiest USING (placement)
  WHERE s.site_id = %(site)s AND s.day >= %(since)s
  GROUP BY placement, variant ORDER BY placement, sum(s.calls) DESC, variant
), uncounted AS MATERIALIZED (
  SELECT key AS placement, served_part AS digest FROM decisions_part p
  WHERE site_id = %(site)s AND kind = 'placement' AND served <> '' AND NOT EXISTS (
    SELECT FROM decisions_servedday s
    WHERE s.site_id = %(site)s AND s.placement = p.key AND s.day >= %(since)s)
  ORDER BY key LIMIT %(most)s
), shown AS (
  SELECT placement, l.variant, l.calls::bigint, b.total::bigint
  FROM busiest b JOIN first_of l USING (placement)
  UNION ALL
  SELECT u.placement, block.body::jsonb->>'default', NULL, NULL FROM uncounted u
  JOIN decisions_publishedpart place ON place.site_id = %(site)s AND place.digest = u.digest
  JOIN decisions_part b ON b.site_id = %(site)s AND b.kind = 'block'
    AND b.key = place.body::jsonb->>'block'
  JOIN decisions_publishedpart block ON block.site_id = %(site)s AND block.digest = b.served_part
), restored AS (
  SELECT coalesce(max(number), 0) AS number FROM decisions_publication
  WHERE site_id = %(site)s AND restores IS NOT NULL
)
SELECT b.placement, bl.id, coalesce(nullif(v.name, ''), b.variant), b.calls, b.total,
  p.published_at, p.number, n.at
FROM shown b CROSS JOIN restored r
LEFT JOIN content_placement pl ON pl.site_id = %(site)s AND pl.key = b.placement
LEFT JOIN content_block bl ON bl.id = pl.block_id
LEFT JOIN content_variant v ON v.block_id = bl.id AND v.key = b.variant
LEFT JOIN decisions_part s ON s.site_id = %(site)s AND s.kind = 'block' AND s.key = bl.key
LEFT JOIN LATERAL (
  SELECT number, published_at FROM decisions_publication
  WHERE site_id = %(site)s AND number >= r.number
    -- A variant that is frozen in a release is of later than what serves of it.
    AND published_at >= least(v.published_at, s.served_at)
  ORDER BY number LIMIT 1
) p ON true
LEFT JOIN LATERAL (
  SELECT min(at) AS at FROM content_variant o, unnest(ARRAY[o.starts_at, o.ends_at]) AS at
  WHERE o.block_id = bl.id AND o.archived_at IS NULL AND o.version > 0 AND at > %(now)s
) n ON true
ORDER BY b.total DESC NULLS LAST, b.placement LIMIT %(most)s
"""
_COMING: Final = """
SELECT id, name, starts_at FROM decisions_release
WHERE site_id = %(site)s AND state = 'scheduled' AND starts_at > %(now)s
ORDER BY starts_at LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class Live:
    """A placement: what most people see there. `since`, `number`, `next_at`: None if unknown.

    Attributes:
        variant: what most people get; where no answer is counted yet, the default.
        pct: how many of 100 answers of the last days were this one; None: none is counted yet.
        next_at: when a variant of its block begins or ends.
    """

    placement: str
    variant: str
    pct: float | None
    since: datetime | None
    number: int | None
    next_at: datetime | None
    link: str


@dataclass(frozen=True, slots=True)
class Coming:
    """A release that goes out by itself."""

    name: str
    at: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that somebody did. `why` is their note, `by` is empty for the system."""

    at: datetime
    by: str
    did: str
    name: str
    why: str
    link: str


def live_now(site_id: UUID, now: datetime) -> list[Live]:
    """Return the busiest placements of the last days, then others that serve. One query.

    Answers are those of days that are counted, what else serves is as of the newest publication
    that the drafts were compared with.
    """
    since = now.date() - timedelta(days=DAYS - 1)
    found = []
    for placement, block, variant, calls, total, at, number, next_at in _rows(
        _LIVE, site=str(site_id), since=since, now=now, most=PLACES
    ):
        link = reverse("admin:content_block_change", args=[block]) if block else ""
        pct = None if calls is None else share_pct(calls, total)
        found.append(Live(placement, variant, pct, at, number, next_at, link))
    return found


def coming(site_id: UUID, now: datetime) -> list[Coming]:
    """Return the releases that go out next. One query."""
    return [
        Coming(name, at, reverse("admin:release", args=[pk]))
        for pk, name, at in _rows(_COMING, site=str(site_id), now=now)
    ]


def lately(site_id: UUID, published: Sequence[Published], *, with_saves: bool) -> list[Happened]:
    """Return saves and these publications in one list, the newest first. One query."""
    found = [
        Happened(
            one.published_at,
            one.by,
            "published" if one.restores is None else f"brought back № {one.restores} as",
            f"№ {one.number}",
            one.note or one.release,
            reverse("admin:publication", args=[one.number]),
        )
        for one in published
    ]
    for save in saved_lately(site_id, SHOWN) if with_saves else ():
        link = reverse("admin:history", args=[save.kind, save.object_id])
        did = f"saved the {save.label.lower()}"
        found.append(Happened(save.at, save.by, did, save.name, save.note, link))
    return sorted(found, key=lambda one: one.at, reverse=True)[:SHOWN]


def unsaved_problems(user_id: int, now: datetime) -> list[Problem]:
    """Return what somebody has typed and not saved, and where somebody else has saved since.

    One query; three more, and one for each kind of object, where there is any.
    """
    found = []
    for one in left_unsaved(user_id, 3):
        typed = f"You typed into “{one.name}” {ago_words(one.at, now)} and have not saved it."
        level, words = "info", "Go on"
        if one.saved_by:
            typed += (
                f" {capfirst(one.saved_by)} has saved it since. Take your text back and save: "
                "where both of you changed the same, you choose what is kept."
            )
            level, words = "warn", "Settle it"
        link = reverse(one.url_name, args=[one.object_id] if one.object_id else [])
        found.append(Problem(level, typed, link=link, link_words=words))
    return found


def _rows(sql: str, **bound: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        rows: list[Any] = cursor.fetchall()
        return rows
