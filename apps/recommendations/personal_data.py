"""What recommenders keep about a profile: its lists for e-mail, shown and forgotten on request."""

from collections.abc import Iterator
from uuid import UUID

from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.recommendations.models import PersonList


def reassign(loser_id: UUID, winner_id: UUID) -> int:
    """Delete the lists of both: the next training lists what suits the joined history."""
    return int(PersonList.objects.filter(profile_id__in=[loser_id, winner_id]).delete()[0])


def export(profile_id: UUID) -> Iterator[JSON]:
    """Yield each list with what is on it, and why."""
    rows = PersonList.objects.filter(profile_id=profile_id).select_related("recommender")
    for row in rows.order_by("recommender__key"):
        yield {
            "recommender": row.recommender.key,
            "name": row.recommender.name,
            "as_of": row.as_of.isoformat(),
            "items": [{"item": item, "why": why} for item, _, why in row.items],
        }


def erase(profile_id: UUID) -> int:
    """Delete every list."""
    return int(PersonList.objects.filter(profile_id=profile_id).delete()[0])


def divide(division: Division) -> int:
    """Delete the lists of a joined history: they are nobody's. The next training writes both."""
    both = [division.winner.profile_id, division.loser.profile_id]
    return int(PersonList.objects.filter(profile_id__in=both).delete()[0])


HOLDER = PersonalDataHolder(
    "recommendations", ("recommendations_personlist",), reassign, export, erase, divide
)
