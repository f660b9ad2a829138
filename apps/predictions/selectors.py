"""Reads of predictions."""

from uuid import UUID

from apps.predictions.models import Score


def scores_of(profile_id: UUID) -> dict[str, float]:
    """Return a profile's scores by the key of the model. One statement."""
    rows = Score.objects.filter(profile_id=profile_id)
    return dict(rows.values_list("spec__key", "value"))
