"""What segments keep about a profile: stays and entries, moved, shown and forgotten on request."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Now

from apps.profiles.holders import JSON, PersonalDataHolder
from apps.segments import dividing
from apps.segments.list_names import names
from apps.segments.models import ListMember, Membership


def reassign(loser_id: UUID, winner_id: UUID) -> int:
    """Move the stays of a profile that was found to be the winner.

    Open ones end with it: the winner is evaluated over the joined history, and enters by itself.
    """
    rows = Membership.objects.filter(profile_id=loser_id)
    rows.filter(left_at=None).update(left_at=Greatest(F("since"), Now()))
    # Two people's entries become one's: the trait is worked out again.
    entries = ListMember.objects.filter(profile_id=loser_id)
    moved = entries.update(profile_id=winner_id, is_applied=False)
    return moved + rows.update(profile_id=winner_id)


def export(profile_id: UUID) -> Iterator[JSON]:
    """Yield each stay, hidden segments included: they are derived from the person's behaviour."""
    rows = Membership.objects.filter(profile_id=profile_id).select_related("segment")
    for row in rows.order_by("since", "pk"):
        yield {
            "segment": row.segment.key,
            "name": row.segment.name,
            "since": row.since.isoformat(),
            "left_at": None if row.left_at is None else row.left_at.isoformat(),
        }

    entries = ListMember.objects.filter(profile_id=profile_id).select_related(
        "segment_list", "upload"
    )
    for entry in entries.order_by("pk"):
        yield {
            "list": entry.segment_list.key,
            "identity": entry.kind,
            "uploaded_at": entry.upload.uploaded_at.isoformat(),
            "removed": entry.removed_by_id is not None,
            "expires_at": None if entry.expires_at is None else entry.expires_at.isoformat(),
        }


_FORGET_ENTRIES = f"""
DELETE FROM segments_listmember m
WHERE m.profile_id = %(profile)s OR m.id IN (
  SELECT e.id FROM ({names("profile_id = %(profile)s")}) AS i
  JOIN segments_segmentlist l ON l.site_id = i.site_id
  JOIN segments_listmember e ON e.segment_list_id = l.id AND e.kind = i.kind AND e.value = i.value)
"""


def erase(profile_id: UUID) -> int:
    """Delete every stay, and every entry of a list that names one of the person's identities."""
    stays = Membership.objects.filter(profile_id=profile_id).delete()[0]
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_ENTRIES, {"profile": str(profile_id)})
        return stays + int(cursor.rowcount)


HOLDER = PersonalDataHolder(
    "segments",
    ("segments_membership", "segments_listmember"),
    reassign,
    export,
    erase,
    dividing.divide,
    dividing.keep,
)
