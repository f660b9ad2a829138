"""When yeses end: noted beside the state rows, so that a schedule finds those that have."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from apps.consent.models import Ending
from apps.profiles.state import StateRow, uuid_array

_NOTE: Final = """
INSERT INTO consent_ending (profile_id, ends_at)
SELECT profile_id, timestamptz 'epoch' + ends_ms * interval '1 millisecond'
FROM unnest(%s::uuid[], %s::bigint[]) AS r(profile_id, ends_ms) ORDER BY profile_id
ON CONFLICT (profile_id) DO UPDATE SET ends_at = excluded.ends_at
"""


def note(rows: Iterable[StateRow]) -> None:
    """Note when the first yes of each of these locked rows ends. At most two statements."""
    ends: dict[UUID, int] = {}
    never: list[UUID] = []
    for row in rows:
        if row.consent_until_ms and row.merged_into is None:
            ends[row.profile_id] = row.consent_until_ms
        else:
            never.append(row.profile_id)
    if ends:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [uuid_array(ends), list(ends.values())])
    if never:
        forget(never)


def forget(profile_ids: Iterable[UUID]) -> int:
    """Forget these profiles; return how many were noted."""
    return Ending.objects.filter(profile_id__in=list(profile_ids)).delete()[0]


def over_by(now: datetime, limit: int) -> list[UUID]:
    """Return profiles of which a yes has ended, those that ended first. One statement."""
    found = Ending.objects.filter(ends_at__lte=now).order_by("ends_at")
    return list(found.values_list("profile_id", flat=True)[:limit])
