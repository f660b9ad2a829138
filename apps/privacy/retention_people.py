"""What is removed person by person: who has not been here for long, and what traits once were."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min
from django.db.models.functions import Coalesce

from apps.consent.types import Hold
from apps.privacy.models import Request, RequestEvent
from apps.privacy.models.requests import OPEN
from apps.privacy.retention_kinds import BATCH, Removed, Rows
from apps.profiles import selectors as profiles
from apps.profiles.holders import holders

# In one transaction with what every holder has of them.
PEOPLE: Final = 50
MOST_CHANGES: Final = 200_000  # that a run reads; the rest goes with the next one

# Whom no law and no wish keeps: nothing happened for so long, nothing was chosen, no request waits.
_IDLE: Final = """
FROM profiles_profilestate s JOIN profiles_profile p ON p.id = s.profile_id
WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND s.profile_id > %(after)s
  AND coalesce(s.last_seen_at, p.created_at) < %(cutoff)s AND p.created_at < %(cutoff)s
  AND s.holds & %(held)s = 0
  AND NOT EXISTS (SELECT FROM events_event e
    WHERE e.profile_id = s.profile_id AND e.occurred_at >= %(cutoff)s)
  AND NOT EXISTS (SELECT FROM consent_consentevent c
    WHERE c.profile_id = s.profile_id AND c.at >= %(cutoff)s)
  AND NOT EXISTS (SELECT FROM privacy_requestsubject o JOIN privacy_request r ON r.id = o.request_id
    WHERE o.profile_id = s.profile_id AND r.state = ANY(%(open)s))
"""
_HELD: Final = int(Hold.ERASING | Hold.RESTRICTED)
_NOBODY: Final = UUID(int=0)

# What a trait was before the value that it had at the cutoff. The first observation of that value
# stays: since when a trait is as it is, conditions ask.
_SUPERSEDED: Final = """
WITH told AS (
    SELECT c.id, c.profile_id, c.key,
        row_number() OVER w AS place,
        nullif(c.value, 'null'::jsonb) IS DISTINCT FROM lag(nullif(c.value, 'null'::jsonb)) OVER w
            OR row_number() OVER w = 1 AS is_other
    FROM profiles_traitchange c JOIN profiles_profile p ON p.id = c.profile_id
    WHERE p.site_id = %s AND c.observed_at < %s
    WINDOW w AS (PARTITION BY c.profile_id, c.key
        ORDER BY c.observed_at, c.message_id COLLATE "C", c.id)
), lasting AS (
    SELECT id, place,
        max(place) FILTER (WHERE is_other) OVER (PARTITION BY profile_id, key) AS begins
    FROM told
)
SELECT id FROM lasting WHERE place < begins ORDER BY id LIMIT %s
"""


def idle_profiles(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    """Forget people without activity since `cutoff`, with everything that any holder keeps.

    It is not an erasure: who comes back is simply new, and nobody is barred.
    """
    assert site_id is not None, "profiles are of a site"
    removed = Removed()
    if is_dry:
        removed.add("profiles_profile", _count_idle(site_id, cutoff))
        return removed
    for people in _idle(site_id, cutoff):
        with transaction.atomic():
            for profile_id in people:
                for one in profiles.ids_of_person(profile_id):
                    for holder in reversed(holders()):
                        removed.add(holder.name, holder.erase(one))
        removed.notes["people"] = int(str(removed.notes.get("people", 0))) + len(people)
    return removed


def oldest_profile(site_id: UUID | None) -> datetime | None:
    """When the person was last here who has not been here for longest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(coalesce(s.last_seen_at, p.created_at)) FROM profiles_profilestate s"
            " JOIN profiles_profile p ON p.id = s.profile_id"
            " WHERE s.site_id = %s AND s.merged_into IS NULL",
            [str(site_id)],
        )
        found: datetime | None = cursor.fetchone()[0]
    return found


def _asked(site_id: UUID, cutoff: datetime, after: UUID) -> dict[str, Any]:
    return {
        "site": str(site_id),
        "cutoff": cutoff,
        "after": str(after),
        "held": _HELD,
        "open": [str(state) for state in OPEN],
    }


def _count_idle(site_id: UUID, cutoff: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_IDLE}", _asked(site_id, cutoff, _NOBODY))  # nosec B608
        return int(cursor.fetchone()[0])


def _idle(site_id: UUID, cutoff: datetime) -> Iterator[list[UUID]]:
    after = _NOBODY
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT s.profile_id {_IDLE} ORDER BY s.profile_id LIMIT {PEOPLE}",  # nosec B608
                _asked(site_id, cutoff, after),
            )
            people = [profile_id for (profile_id,) in cursor.fetchall()]
        if not people:
            return
        yield people
        after = people[-1]


def superseded_traits(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    """Delete what traits were before the value that they had at `cutoff`."""
    removed = Removed()
    with connection.cursor() as cursor:
        cursor.execute(_SUPERSEDED, [str(site_id), cutoff, MOST_CHANGES])
        found = [number for (number,) in cursor.fetchall()]
    removed.is_partly = len(found) == MOST_CHANGES
    removed.add("profiles_traitchange", len(found))
    if is_dry:
        return removed
    for start in range(0, len(found), BATCH):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM profiles_traitchange WHERE id = ANY(%s)",
                [found[start : start + BATCH]],
            )
    return removed


def old_requests(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    """Delete requests that ended, or came and were never ended, before `cutoff`; then their log."""
    assert site_id is not None, "requests are of a site"
    removed = Removed()
    over = Request.objects.filter(site_id=site_id, ended_at__lt=cutoff) | Request.objects.filter(
        site_id=site_id, ended_at=None, received_at__lt=cutoff
    )
    if is_dry:
        removed.add(Request._meta.db_table, over.count())
        return removed
    with transaction.atomic():
        for table, rows in over.delete()[1].items():
            removed.add(table.lower().replace(".", "_"), rows)
    log = Rows(
        RequestEvent._meta.db_table,
        "t.at",
        more="NOT EXISTS (SELECT FROM privacy_request r WHERE r.id = t.request_id)",
        is_sealed=True,
    )
    removed.add(log.table, log.delete(site_id, cutoff))
    return removed


def oldest_request(site_id: UUID | None) -> datetime | None:
    """When the request ended, or came if it is open, that is the oldest."""
    if site_id is None:
        return None
    ended = Coalesce("ended_at", "received_at")
    found: datetime | None = Request.objects.filter(site_id=site_id).aggregate(at=Min(ended))["at"]
    return found
