"""The start tour: what somebody new tries first, ticked off by what they have made.

What a step leaves behind ticks it: a segment that this person saved, a publication of theirs. A
look leaves nothing behind, so that is ticked when its page is opened from the tour.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse

from apps.studio.models import Tour
from apps.studio.types import SiteChoice

# How far somebody is. A variant counts when it is for a segment of theirs.
_DONE: Final = """
SELECT t.put_away_at IS NOT NULL, coalesce(t.opened, '[]')::text,
  EXISTS (SELECT FROM content_revision r WHERE r.by_id = u.id AND r.kind = 'segment'),
  EXISTS (SELECT FROM content_revision r
    JOIN content_variant_segments s ON s.segment_id = r.object_id
    WHERE r.by_id = u.id AND r.kind = 'segment'),
  EXISTS (SELECT FROM decisions_publication p
    WHERE p.published_by_id = u.id AND p.restores IS NULL)
  OR EXISTS (SELECT FROM decisions_release l
    WHERE l.submitted_by_id = u.id AND l.published_number IS NOT NULL),
  EXISTS (SELECT FROM decisions_publication p
    WHERE p.published_by_id = u.id AND p.restores IS NOT NULL)
FROM (SELECT %(user)s::int AS id) u LEFT JOIN studio_tour t ON t.user_id = u.id
"""
# The first placement whose block speaks to a segment, else the first that is filled; the segment;
# and the newest segment of their own.
_EXAMPLE: Final = """
SELECT coalesce(p.key, ''), p.block_id, coalesce((
  SELECT s.key FROM content_variant v JOIN content_variant_segments t ON t.variant_id = v.id
  JOIN segments_segment s ON s.id = t.segment_id
  WHERE v.block_id = p.block_id AND v.archived_at IS NULL ORDER BY v.key, s.key LIMIT 1
), ''), coalesce((
  SELECT s.key FROM content_revision r JOIN segments_segment s ON s.id = r.object_id
  WHERE r.by_id = %(user)s AND r.kind = 'segment' AND r.site_id = %(site)s AND NOT s.is_archived
  ORDER BY r.at DESC LIMIT 1
), '')
FROM (SELECT) nothing LEFT JOIN LATERAL (
  (SELECT key, block_id FROM content_placement a
    WHERE site_id = %(site)s AND archived_at IS NULL AND EXISTS (
      SELECT FROM content_variant v JOIN content_variant_segments t ON t.variant_id = v.id
      WHERE v.block_id = a.block_id AND v.archived_at IS NULL)
    ORDER BY key LIMIT 1)
  UNION ALL
  (SELECT key, block_id FROM content_placement
    WHERE site_id = %(site)s AND archived_at IS NULL AND block_id IS NOT NULL
    ORDER BY key LIMIT 1)
  LIMIT 1
) p ON true
"""
_LEAVE_TRACES: Final = ("segment", "variant", "publish", "back")  # in the order of `_DONE`


class _Example(NamedTuple):
    """What the pages are filled with; all of it may be missing."""

    placement: str
    block_id: UUID | None
    spoken_to: str
    own: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try. `permission`: who lacks it is not offered the step."""

    key: str
    title: str
    words: str
    permission: str
    address: Callable[[SiteChoice, _Example], str]


@dataclass(frozen=True, slots=True)
class Stop:
    """A step as it is shown: `url` leads to its page, and `is_next` is the first that is open."""

    title: str
    words: str
    url: str
    is_done: bool
    is_next: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The tour as the home page shows it; put away it has no stops."""

    stops: list[Stop]
    is_put_away: bool

    @property
    def done(self) -> int:
        """How many of the steps are ticked."""
        return sum(stop.is_done for stop in self.stops)

    @property
    def is_over(self) -> bool:
        """Whether every step is ticked."""
        return self.done == len(self.stops)


def _page(name: str, /, **asked: str) -> str:
    query = urlencode({key.replace("__", "."): value for key, value in asked.items() if value})
    return f"{reverse(f'admin:{name}')}?{query}" if query else reverse(f"admin:{name}")


def _new_segment(site: SiteChoice, example: _Example) -> str:
    return _page(
        "segments_segment_add",
        site=str(site.id),
        name="Three in ten minutes",
        key="three-in-ten-minutes",
        description="Looks at many things in a short time.",
    )


def _block(site: SiteChoice, example: _Example) -> str:
    if example.block_id is None:
        return _page("content_block_add", site=str(site.id))
    return reverse("admin:content_block_change", args=[example.block_id])


def _preview(site: SiteChoice, example: _Example) -> str:
    """Somebody of the segment beside somebody new, by the drafts."""
    return _page(
        "preview",
        site=site.key,
        pictures="2",
        placements=example.placement,
        a__who="segments",
        a__segments=example.own or example.spoken_to,
        a__by="drafts",
        b__who="nobody",
        b__by="drafts",
    )


def _coverage(site: SiteChoice, example: _Example) -> str:
    return _page("coverage", site=site.key, q=example.placement)


def _at_site(name: str) -> Callable[[SiteChoice, _Example], str]:
    return lambda site, example: _page(name, site=site.key)


def _list(name: str) -> Callable[[SiteChoice, _Example], str]:
    return lambda site, example: _page(f"{name}_changelist")


_LOOK: Final = Step(
    "look",
    "Look who sees what",
    "Which share of visitors each variant is meant for, and which share got it.",
    "content.view_block",
    _coverage,
)
_EDITING: Final = (
    Step(
        "segment",
        "Make a segment",
        "Say who is meant, in a sentence with blanks: who views three products in ten minutes.",
        "segments.add_segment",
        _new_segment,
    ),
    Step(
        "variant",
        "Write a variant for it",
        "On the page of a block: a text for these people. Everybody else keeps the default.",
        "content.change_block",
        _block,
    ),
    Step(
        "preview",
        "See it as one of them",
        "Before anybody else does: what they will see, beside what somebody new sees.",
        "content.view_block",
        _preview,
    ),
    Step(
        "publish",
        "Publish it",
        "Until now nobody has seen any of it. Tick what visitors are to see.",
        "decisions.publish_site",
        _at_site("publish"),
    ),
    _LOOK,
    Step(
        "back",
        "Bring back an old publication",
        "What served before serves again within seconds. Bring yours back the same way.",
        "decisions.publish_site",
        _at_site("publications"),
    ),
)
_ANALYSING: Final = (
    _LOOK,
    Step(
        "dry_run",
        "Try a change on past decisions",
        "Which share of the last days' answers it would have changed. Nothing is published.",
        "content.view_block",
        _at_site("dry_run"),
    ),
    Step(
        "overlap",
        "See which segments share people",
        "Who is in two segments at once, and who moved from one to another.",
        "segments.view_segment",
        _at_site("audience"),
    ),
)
_PROTECTING: Final = (
    Step(
        "why",
        "Ask why somebody saw something",
        "By the id of a decision: what was shown, and each step that led to it.",
        "decisions.view_publication",
        _at_site("why"),
    ),
    Step(
        "consent",
        "Look at what visitors agreed to",
        "Every yes and no, with its time and the notice it was given under.",
        "consent.view_consentevent",
        _list("consent_consentevent"),
    ),
    Step(
        "trail",
        "Read the audit trail",
        "Who looked at a person, and with which reason.",
        "access.view_auditentry",
        _list("access_auditentry"),
    ),
)
_AUDITING: Final = (
    Step(
        "publications",
        "Read what was published",
        "Who published what, when and why; any two can be compared.",
        "decisions.view_publication",
        _at_site("publications"),
    ),
    Step(
        "trail",
        "Read the audit trail",
        "Who changed, published or looked at what.",
        "access.view_auditentry",
        _list("access_auditentry"),
    ),
)
# Whose tour it is: the first whose permission somebody has.
_TOURS: Final = (
    ("decisions.publish_site", _EDITING),
    ("segments.change_segment", _ANALYSING),
    ("profiles.view_people", _PROTECTING),
    ("access.view_auditentry", _AUDITING),
)


def steps_for(user: Any) -> list[Step]:
    """Return the steps that this person's role can take; none for a role without a tour."""
    for permission, steps in _TOURS:
        if user.has_perm(permission):
            return [step for step in steps if user.has_perm(step.permission)]
    return []


def tour(request: HttpRequest, site: SiteChoice) -> Shown | None:
    """Return the tour of who asks; None for a role without one. Two queries, one put away."""
    steps = steps_for(request.user)
    if not steps:
        return None
    is_put_away, done = _standing(int(request.user.pk or 0))
    if is_put_away:
        return Shown([], is_put_away=True)
    is_next = next((step.key for step in steps if step.key not in done), "")
    stops = []
    example = _example(request, site)
    for step in steps:
        url = step.address(site, example)
        if step.key not in _LEAVE_TRACES:
            url = _page("tour", step=step.key)
        stops.append(Stop(step.title, step.words, url, step.key in done, step.key == is_next))
    return Shown(stops, is_put_away=False)


def opened(request: HttpRequest, site: SiteChoice, key: str) -> str:
    """Tick a step whose page is opened, and return its address; of no such step the home page."""
    step = next((one for one in steps_for(request.user) if one.key == key), None)
    if step is None:
        return reverse("admin:index")
    row, _ = Tour.objects.get_or_create(user_id=int(request.user.pk or 0))
    if key not in row.opened:
        row.opened = sorted({*row.opened, key})
        row.save(update_fields=["opened"])
    return step.address(site, _example(request, site))


def put_away(user_id: int, now: datetime) -> None:
    """Leave the tour out of this person's home page."""
    Tour.objects.update_or_create(user_id=user_id, defaults={"put_away_at": now})


def bring_back(user_id: int) -> None:
    """Show the tour on this person's home page again, as far as they were."""
    Tour.objects.filter(user_id=user_id).update(put_away_at=None)


def _standing(user_id: int) -> tuple[bool, Collection[str]]:
    [(is_put_away, looked_at, *left)] = _rows(_DONE, user=user_id)
    traces = {key for key, is_there in zip(_LEAVE_TRACES, left, strict=True) if is_there}
    return is_put_away, traces | set(json.loads(looked_at))


def _example(request: HttpRequest, site: SiteChoice) -> _Example:
    return _Example(*_rows(_EXAMPLE, user=request.user.pk, site=str(site.id))[0])


def _rows(sql: str, **bound: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        rows: list[Any] = cursor.fetchall()
        return rows
