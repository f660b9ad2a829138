"""What segments keep about a profile: its stays, moved, shown and forgotten on request."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Greatest, Now

from apps.profiles.holders import JSON, PersonalDataHolder
from apps.segments.models import Membership


def reassign(loser_id: UUID, winner_id: UUID) -> int:
    """Move the stays of a profile that was found to be the winner.

    Open ones end with it: the winner is evaluated over the joined history, and enters by itself.
    """
    rows = Membership.objects.filter(profile_id=loser_id)
    rows.filter(left_at=None).update(left_at=Greatest(F("since"), Now()))
    return rows.update(profile_id=winner_id)


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


def erase(profile_id: UUID) -> int:
    """Delete every stay."""
    return Membership.objects.filter(profile_id=profile_id).delete()[0]


HOLDER = PersonalDataHolder("segments", ("segments_membership",), reassign, export, erase)
