"""What predictions keep about a profile: its scores, moved, shown and forgotten on request."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from apps.predictions.models import Score
from apps.profiles.holders import JSON, PersonalDataHolder

# As with the traits of the state row: the newer of two scores stays.
_KEEP_NEWER = """
DELETE FROM predictions_score one USING predictions_score other
WHERE one.profile_id = ANY(%(both)s::uuid[]) AND other.profile_id = ANY(%(both)s::uuid[])
  AND one.profile_id <> other.profile_id AND one.spec_id = other.spec_id
  AND (one.as_of, one.id) < (other.as_of, other.id)
"""


def reassign(loser_id: UUID, winner_id: UUID) -> int:
    """Give the winner the newer score of each model; the next pass scores the joined history."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_NEWER, {"both": "{" + f"{loser_id},{winner_id}" + "}"})
    return Score.objects.filter(profile_id=loser_id).update(profile_id=winner_id)


def export(profile_id: UUID) -> Iterator[JSON]:
    """Yield each score with what it foresees."""
    rows = Score.objects.filter(profile_id=profile_id).select_related("spec", "version")
    for row in rows.order_by("spec__key"):
        yield {
            "model": row.spec.key,
            "name": row.spec.name,
            "foresees": row.spec.target_event,
            "within_hours": row.spec.horizon_hours,
            "version": row.version.number,
            "probability": row.value,
            "as_of": row.as_of.isoformat(),
        }


def erase(profile_id: UUID) -> int:
    """Delete every score."""
    return Score.objects.filter(profile_id=profile_id).delete()[0]


HOLDER = PersonalDataHolder("predictions", ("predictions_score",), reassign, export, erase)
