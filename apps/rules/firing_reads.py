"""What firing asks the database, for many people at once; tables of other apps by their names."""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.consent.declared import NAMES, purpose_of
from apps.consent.gates import sql_stands
from apps.consent.recorded import sql_said
from apps.consent.types import Purpose
from apps.consent.vouching import sql_vouched
from apps.rules.models import Firing


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody came into a segment (by its number) or left it, as the feed says."""

    id: int
    site_id: UUID
    profile_id: UUID
    segment: int
    entered: bool
    at: datetime
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Who:
    """What of a person says whether a trigger may fire.

    Attributes:
        may: the declared purposes that stand for them, by name.
        has_agreed: to personalization on record, not only not refused.
    """

    unit_id: str
    may: frozenset[str]
    has_agreed: bool


_LINES = """
SELECT f.id, f.site_id, f.profile_id, (f.payload->>'number')::int, f.kind = 'membership.entered',
    f.at, f.payload ? 'late' OR f.payload ? 'quiet'
FROM work_changefeed f
JOIN unnest(%(sites)s::uuid[], %(numbers)s::int[]) AS w(site_id, number)
    ON w.site_id = f.site_id AND w.number = (f.payload->>'number')::int
WHERE f.id > %(after)s AND f.id <= %(upto)s
    AND f.kind IN ('membership.entered', 'membership.left') AND f.profile_id IS NOT NULL
ORDER BY f.id LIMIT %(limit)s
"""


def lines(after: int, upto: int, listened: Collection[tuple[UUID, int]], limit: int) -> list[Line]:
    """Return what the feed says of these segments in (after, upto], in order. One query."""
    if not listened:
        return []
    params: dict[str, Any] = {
        "sites": [str(site_id) for site_id, _ in listened],
        "numbers": [number for _, number in listened],
        "after": after,
        "upto": upto,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LINES, params)
        return [Line(*row) for row in cursor.fetchall()]


# A column for each purpose that a trigger may declare: whether it stands for the person now.
_PEOPLE = f"""
SELECT profile_id, unit_id, {sql_said("p", Purpose.PERSONALIZATION)} IS TRUE,
{
    ", ".join(
        sql_stands("p", purpose_of(name), vouched=sql_vouched("p.site_id"), now="now()")
        for name in NAMES
    )
}
FROM profiles_profilestate p WHERE profile_id = ANY(%s::uuid[]) AND merged_into IS NULL
"""


def people(profile_ids: Collection[UUID]) -> dict[UUID, Who]:
    """Who these are, without those who were erased or merged away. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [[str(one) for one in profile_ids]])
        return {
            profile_id: Who(unit_id, frozenset(itertools.compress(NAMES, allowed)), has_agreed)
            for profile_id, unit_id, has_agreed, *allowed in cursor.fetchall()
        }


def inside_at(due: Sequence[Firing]) -> set[UUID]:
    """The firings whose person was in the segment when their time was up."""
    if not due:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT w.id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[],"
            " %s::timestamptz[]) AS w(id, segment_id, profile_id, at)"
            " JOIN segments_membership m"
            " ON m.segment_id = w.segment_id AND m.profile_id = w.profile_id"
            " WHERE m.since <= w.at AND (m.left_at IS NULL OR m.left_at >= w.at)",
            [
                [str(one.pk) for one in due],
                [str(one.trigger.segment_id) for one in due],
                [str(one.profile_id) for one in due],
                [one.due_at or one.at for one in due],
            ],
        )
        return {firing_id for (firing_id,) in cursor.fetchall()}


def fired_before(
    pairs: Sequence[tuple[UUID, UUID]], since: datetime
) -> defaultdict[tuple[UUID, UUID], list[datetime]]:
    """When each (trigger, profile) fired since. One query."""
    found: defaultdict[tuple[UUID, UUID], list[datetime]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT f.trigger_id, f.profile_id, f.cause, f.at FROM rules_firing f"
            " JOIN unnest(%s::uuid[], %s::uuid[]) AS w(trigger_id, profile_id)"
            " ON f.trigger_id = w.trigger_id AND f.profile_id = w.profile_id"
            " WHERE f.outcome = 'fired' AND f.at > %s",
            [*columns(pairs), since],
        )
        for trigger_id, profile_id, _, at in cursor.fetchall():
            found[trigger_id, profile_id].append(at)
    return found


def fired_since(since: datetime, trigger_ids: Collection[UUID]) -> defaultdict[UUID, int]:
    """How often each trigger fired since, for everybody together. One query."""
    found: defaultdict[UUID, int] = defaultdict(int)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT trigger_id, count(*) FROM rules_firing"
            " WHERE trigger_id = ANY(%s::uuid[]) AND at > %s AND outcome = 'fired' GROUP BY 1",
            [[str(one) for one in trigger_ids], since],
        )
        found.update(cursor.fetchall())
    return found


def columns(pairs: Iterable[tuple[UUID, UUID]]) -> list[Any]:
    """Two arrays of one table of pairs."""
    left, right = zip(*pairs, strict=True)
    return [[str(one) for one in left], [str(one) for one in right]]
