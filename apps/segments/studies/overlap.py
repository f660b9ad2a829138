"""How segments overlap, what stands on what, and who moved between them: exact, over everyone.

Members are those recorded now, as the membership list of a segment counts them. Segments that are
answered while a page is asked for have none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.consent.gates import sql_stands
from apps.consent.types import WIRE_NAMES
from apps.segments.domain.nestings import Branch, nesting
from apps.segments.domain.overlaps import MAX_SETS, Overlap, overlap
from apps.segments.errors import TooManySegments
from apps.segments.models import Segment, SegmentVersion
from apps.segments.publication_checks import with_policy
from apps.segments.selectors import in_force, request_segments
from apps.segments.studies import boxed
from engine.conditions.policy import NO_POLICY
from engine.conditions.scope import segment_keys


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment whose members are recorded."""

    id: UUID
    key: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Nested:
    """A line of the hierarchy. `size` is None where nobody is kept as a member."""

    branch: Branch
    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """People who were in one segment and later in another. Places are 1 on; 0 is none of them."""

    before: int
    after: int
    people: int


_COMBINATIONS: Final = """
WITH wanted AS (
  SELECT id, 1 << (place - 1)::int AS bit
  FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS w(id, place)
), person AS (
  SELECT m.profile_id, bit_or(w.bit) AS mask
  FROM segments_membership m JOIN wanted w ON w.id = m.segment_id
  WHERE m.left_at IS NULL GROUP BY m.profile_id
)
SELECT p.mask, count(*) FROM person p
WHERE EXISTS (
  SELECT 1 FROM profiles_profilestate s WHERE s.profile_id = p.profile_id AND {agreed})
GROUP BY p.mask
"""
# Of several segments the first of the list is where a person is said to be.
_MOVES: Final = """
WITH wanted AS (
  SELECT id, place FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS w(id, place)
), stay AS (
  SELECT m.profile_id, w.place, m.since, m.left_at
  FROM segments_membership m JOIN wanted w ON w.id = m.segment_id
  WHERE m.since <= %(after)s AND (m.left_at IS NULL OR m.left_at > %(before)s)
), person AS (
  SELECT coalesce(min(place) FILTER (
      WHERE since <= %(before)s AND (left_at IS NULL OR left_at > %(before)s)), 0)::int AS before,
    coalesce(min(place) FILTER (
      WHERE since <= %(after)s AND (left_at IS NULL OR left_at > %(after)s)), 0)::int AS after
  FROM stay GROUP BY profile_id
)
SELECT before, after, count(*) FROM person WHERE before > 0 OR after > 0
GROUP BY before, after ORDER BY before, after
"""


def kept_segments(site_id: UUID) -> list[Kept]:
    """Return the visible segments that have members, by name. Three queries.

    How many they are is as of the last refresh: each is counted anew where it matters.
    """
    asking = request_segments(site_id)
    rows = SegmentVersion.objects.filter(
        segment__site_id=site_id, segment__is_hidden=False, segment__is_archived=False,
        state=SegmentVersion.State.LIVE,
    ).order_by("segment__name", "segment__key")  # fmt: skip
    found = rows.values_list("segment_id", "segment__key", "segment__name", "size")
    return [Kept(pk, key, name, size or 0) for pk, key, name, size in found if key not in asking]


def overlap_of(segment_ids: Sequence[UUID], *, purpose: str = "") -> Overlap:
    """Return how at most twelve segments overlap, places in the order given. One statement.

    Args:
        purpose: only people with a recorded yes to it, such as "advertising"; empty: everyone.

    Raises:
        TooManySegments: more than twelve.
        StudyTooSlow: it took more than five seconds.
    """
    if len(segment_ids) > MAX_SETS:
        raise TooManySegments(MAX_SETS)
    agreed = "true"
    if purpose in WIRE_NAMES:
        agreed = sql_stands("s", WIRE_NAMES[purpose], vouched="false", now="now()")
    statement = _COMBINATIONS.format(agreed=agreed)
    rows = boxed.rows(statement, {"segments": _ids(segment_ids)})
    return overlap(len(segment_ids), dict(rows))


def moves(segment_ids: Sequence[UUID], before: datetime, after: datetime) -> list[Move]:
    """Return who moved between segments from one instant to a later one, and who stayed.

    A person who is in several is counted in the first of them in the order given, so everyone is
    counted once.

    Raises:
        TooManySegments: more than twelve.
        StudyTooSlow: it took more than five seconds.
    """
    if len(segment_ids) > MAX_SETS:
        raise TooManySegments(MAX_SETS)
    params = {"segments": _ids(segment_ids), "before": before, "after": after}
    return [Move(*row) for row in boxed.rows(_MOVES, params)]


def hierarchy(site_id: UUID, kept: Sequence[Kept]) -> list[Nested]:
    """Return the published segments as a tree, the broadest at the top. Two queries.

    Args:
        kept: `kept_segments` of the site.
    """
    nodes, policies = in_force(site_id)
    shown = dict(
        Segment.objects.filter(
            site_id=site_id, is_hidden=False, is_archived=False, key__in=nodes.keys()
        ).values_list("key", "name")
    )
    sizes = {one.key: one.size for one in kept}
    stands_on = {
        key: segment_keys(with_policy(nodes[key], policies.get(key, NO_POLICY))) - {key}
        for key in shown
    }
    return [
        Nested(branch, shown[branch.key], sizes.get(branch.key)) for branch in nesting(stands_on)
    ]


def _ids(segment_ids: Collection[UUID]) -> str:
    return "{" + ",".join(str(one) for one in segment_ids) + "}"
