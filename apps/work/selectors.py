"""Reads of work that was asked for."""

from uuid import UUID

from apps.work.models import Intent
from apps.work.types import Standing


def standing_of(intent_id: UUID) -> Standing | None:
    """Return how far an intent is; None when it is done so long ago that it is cleared. 1 query."""
    row = Intent.objects.filter(pk=intent_id).values_list(
        "kind", "state", "done_steps", "total_steps", "note", "error"
    )
    return next((Standing(*values) for values in row), None)
