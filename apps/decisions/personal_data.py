"""What the decision log keeps about a profile: how it moves, is shown and is forgotten."""

from collections.abc import Iterator
from uuid import UUID

from apps.decisions.models import DecisionRecord
from apps.profiles.holders import JSON, PersonalDataHolder


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    return DecisionRecord.objects.filter(profile_id=loser_id).update(profile_id=winner_id)


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = DecisionRecord.objects.filter(profile_id=profile_id).order_by("at")
    for row in rows.iterator(chunk_size=1_000):
        yield {
            "requestId": row.request_id,
            "at": row.at.isoformat(),
            "snapshot": row.snapshot,
            "placements": row.placements,
            "facts": row.facts,
        }


def _erase(profile_id: UUID) -> int:
    # The counts stay true, nobody is in them any more; a replay then says that it cannot.
    return DecisionRecord.objects.filter(profile_id=profile_id).update(profile_id=None, facts={})


HOLDER = PersonalDataHolder(
    name="decisions",
    tables=("decisions_decisionrecord",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
)
