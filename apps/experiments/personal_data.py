"""What experiments keep about a profile: in which it took part, and what it was shown first."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.experiments.collecting import collect_again
from apps.experiments.models import Participant, Reopened
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow

# The older of two first exposures stays, and who was shown two arms is mixed.
_JOIN = """
WITH gone AS (
  DELETE FROM experiments_participant q USING experiments_participant w
  WHERE q.profile_id = %(loser)s AND w.profile_id = %(winner)s AND w.phase_id = q.phase_id
  RETURNING q.*
)
UPDATE experiments_participant w SET
  is_mixed = w.is_mixed OR g.is_mixed OR w.arm <> g.arm,
  arm = CASE WHEN g.first_at < w.first_at THEN g.arm ELSE w.arm END,
  segments = CASE WHEN g.first_at < w.first_at THEN g.segments ELSE w.segments END,
  facts = CASE WHEN g.first_at < w.first_at THEN g.facts ELSE w.facts END,
  first_at = least(w.first_at, g.first_at), day = least(w.day, g.day)
FROM gone g WHERE w.profile_id = %(winner)s AND w.phase_id = g.phase_id
"""


def _reopen(*profile_ids: UUID) -> None:
    """Have the days counted anew on which these took part first."""
    rows = Participant.objects.filter(profile_id__in=profile_ids)
    Reopened.objects.bulk_create(
        Reopened(phase_id=phase_id, day=day)
        for phase_id, day in rows.values_list("phase_id", "day").distinct()
    )


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    if not Participant.objects.filter(profile_id=loser_id).exists():
        return 0
    _reopen(loser_id, winner_id)
    with connection.cursor() as cursor:
        cursor.execute(_JOIN, {"loser": str(loser_id), "winner": str(winner_id)})
        joined = int(cursor.rowcount)
    moved = Participant.objects.filter(profile_id=loser_id).update(profile_id=winner_id)
    return joined + moved


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = Participant.objects.filter(profile_id=profile_id).select_related("phase__experiment")
    for row in rows.order_by("first_at", "pk"):
        arms = {arm["number"]: arm["name"] for arm in row.phase.arms}
        yield {
            "experiment": row.phase.experiment.key,
            "name": row.phase.experiment.name,
            "phase": row.phase.number,
            "arm": arms.get(row.arm, str(row.arm)),
            "since": row.first_at.isoformat(),
        }


def _erase(profile_id: UUID) -> int:
    _reopen(profile_id)
    return Participant.objects.filter(profile_id=profile_id).delete()[0]


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    """Whether the loser took part in anything: then both are looked for anew."""
    return Participant.objects.filter(profile_id=loser.profile_id).exists() or None


def _divide(division: Division) -> int:
    """Who took part in what is in the events, which know whose they are."""
    if not division.kept:
        return 0
    both = [division.winner.profile_id, division.loser.profile_id]
    _reopen(*both)
    Participant.objects.filter(profile_id__in=both).delete()
    found = collect_again(division.winner.site_id, both)
    _reopen(*both)
    return found


def _forget(taken: TakenBack) -> int:
    if not taken.has(Purpose.ANALYTICS, Purpose.EXPERIMENTS):
        return 0
    return _erase(taken.profile_id)


def _forget_at_once(taken: TakenBack) -> None:
    _forget(taken)


HOLDER = PersonalDataHolder(
    name="experiments",
    tables=("experiments_participant",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
CLEARING = Clearing("experiments", at_once=_forget_at_once, later=_forget)
