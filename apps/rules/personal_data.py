"""What triggers keep about a profile: when they fired for it, and what came of that."""

from collections.abc import Iterator
from uuid import UUID

from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow
from apps.rules.models import Firing


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    """What one was told counts for both from now on: a limit must hold for the person."""
    return Firing.objects.filter(profile_id=loser_id).update(profile_id=winner_id)


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = Firing.objects.filter(profile_id=profile_id).select_related("trigger")
    for row in rows.order_by("at", "pk"):
        yield {
            "trigger": row.trigger.key,
            "name": row.trigger.name,
            "at": row.at.isoformat(),
            "outcome": row.outcome,
            "webhook": row.webhook or None,
        }


def _erase(profile_id: UUID) -> int:
    """Calls that are on their way find nothing to say any more."""
    return Firing.objects.filter(profile_id=profile_id).delete()[0]


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    rows = Firing.objects.filter(profile_id=loser.profile_id).values_list("pk", flat=True)
    return [pk.hex for pk in rows]


def _divide(division: Division) -> int:
    """Give back what was the loser's before the merge; what came since stays with the winner."""
    own = Firing.objects.filter(
        pk__in=[UUID(text) for text in division.kept or ()],
        profile_id=division.winner.profile_id,
    )
    return own.update(profile_id=division.loser.profile_id)


HOLDER = PersonalDataHolder(
    name="rules",
    tables=("rules_firing",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
