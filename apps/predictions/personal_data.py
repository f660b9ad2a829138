"""What predictions keep about a profile: its scores, moved, shown and forgotten on request."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection

from apps.predictions.models import ModelVersion, Score
from apps.predictions.writing import is_willing, trait_of
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import SCORE_PREFIX, StateRow
from apps.work import clock

# As with the traits of the state row: the newer of two scores stays.
_KEEP_NEWER = """
DELETE FROM predictions_score one USING predictions_score other
WHERE one.profile_id = ANY(%(both)s::uuid[]) AND other.profile_id = ANY(%(both)s::uuid[])
  AND one.profile_id <> other.profile_id AND one.spec_id = other.spec_id
  AND one.output = other.output
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
    for row in rows.order_by("spec__key", "output"):
        yield {
            "model": row.spec.key,
            "name": row.spec.name,
            "foresees": row.spec.target_event,
            "within_hours": row.spec.horizon_hours,
            "version": row.version.number,
            "output": row.output,
            "probability": row.value,
            "label": row.label,
            "as_of": row.as_of.isoformat(),
        }


def erase(profile_id: UUID) -> int:
    """Delete every score."""
    return Score.objects.filter(profile_id=profile_id).delete()[0]


def keep(winner: StateRow, loser: StateRow) -> JSON:
    """The scores of both, and what their state rows say of them: the newer replaces the older."""
    rows = Score.objects.filter(profile_id__in=[winner.profile_id, loser.profile_id])
    return [
        {
            "profile": str(row.profile_id),
            "spec": str(row.spec_id),
            "version": str(row.version_id),
            "output": row.output,
            "value": row.value,
            "label": row.label,
            "asOf": row.as_of.isoformat(),
            "entry": (winner if row.profile_id == winner.profile_id else loser).traits.get(
                trait_of(row.spec, row.output)
            ),
        }
        for row in rows.select_related("spec")
    ]


def divide(division: Division) -> int:
    """Put the scores of before the merge back, where they may be kept and their model still is.

    A score of the joined history is nobody's. The next pass foresees both anew.
    """
    rows = {row.profile_id: row for row in (division.winner, division.loser)}
    Score.objects.filter(profile_id__in=rows).delete()
    for row in rows.values():
        scored = [key for key in row.traits if key.startswith(SCORE_PREFIX)]
        for key in scored:
            del row.traits[key]
    restored: list[Score] = []
    for one in division.kept or []:
        row = rows[UUID(one["profile"])]
        version = ModelVersion.objects.filter(pk=one["version"], spec_id=one["spec"])
        found = version.select_related("spec").first()
        if found is None or not is_willing(found.spec, row, clock.now()):
            continue
        output = one.get("output", "")
        if one["entry"] is not None:
            row.traits[trait_of(found.spec, output)] = tuple(one["entry"])
        restored.append(
            Score(
                profile_id=row.profile_id,
                spec=found.spec,
                version=found,
                output=output,
                value=one["value"],
                label=one.get("label", ""),
                as_of=datetime.fromisoformat(one["asOf"]),
            )
        )
    return len(Score.objects.bulk_create(restored))


HOLDER = PersonalDataHolder(
    "predictions", ("predictions_score",), reassign, export, erase, divide, keep
)
