"""What the decision log keeps about a profile: how it moves, is shown and is forgotten."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from apps.decisions import hot_state
from apps.decisions.hot_state import HotKey
from apps.decisions.models import DecisionRecord
from apps.profiles import state
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow

# The greatest that the header of a hot value can hold.
_LAST_EPOCH: Final = 99_999_999
_LAST_VERSION: Final = 999_999_999_999


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
    """Forget the records' person and the hot state; inside the transaction of the erasure."""
    # A mark above every version: readers go to the record, no late writer passes it, it expires.
    rows = state.read([profile_id])
    hot_state.mark([HotKey(row.site_id, profile_id, _LAST_EPOCH, _LAST_VERSION) for row in rows])
    # The counts stay true, nobody is in them any more; a replay then says that it cannot.
    return DecisionRecord.objects.filter(profile_id=profile_id).update(profile_id=None, facts={})


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    """The records of the loser: nothing in a record says later whose it was."""
    rows = DecisionRecord.objects.filter(profile_id=loser.profile_id).values_list("pk", flat=True)
    return [pk.hex for pk in rows]


def _divide(division: Division) -> int:
    """Give the records of before the merge back; those made for both together stay."""
    rows = DecisionRecord.objects.filter(pk__in=division.kept or [])
    own = rows.filter(profile_id=division.winner.profile_id)
    return own.update(profile_id=division.loser.profile_id)


HOLDER = PersonalDataHolder(
    name="decisions",
    tables=("decisions_decisionrecord",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
