"""What holdouts keep about a profile: on which side it is. Days that change are counted anew."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.experiments.counting import first_whole_day
from apps.experiments.models import HoldoutMember, HoldoutSum
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow
from apps.work import clock

# Who is held out now, and was asked something since: models do not learn of them.
HELD_OUT_NOW: Final = """
EXISTS (SELECT FROM experiments_holdoutmember kept
  JOIN experiments_holdoutturn t ON t.id = kept.turn_id
  JOIN experiments_holdout h ON h.id = t.holdout_id
  WHERE kept.profile_id = {who} AND kept.arm = 0 AND kept.seed = h.seed AND h.is_enabled
    AND h.archived_at IS NULL)
"""


def _recount(*profile_ids: UUID) -> None:
    """Forget the sums of the days on which these came: they are counted anew in the next pass.

    Not of days whose events retention has begun to take away: those could not be counted again.
    """
    rows = HoldoutMember.objects.filter(profile_id__in=profile_ids)
    told = rows.values_list("turn_id", "day", "turn__holdout__site__retention_days")
    for turn_id, day, kept_days in set(told):
        if day >= first_whole_day(kept_days, clock.now()):
            HoldoutSum.objects.filter(turn_id=turn_id, day=day).delete()


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    mine = {one.seed: one for one in HoldoutMember.objects.filter(profile_id=winner_id)}
    others = list(HoldoutMember.objects.filter(profile_id=loser_id))
    if not others:
        return 0
    _recount(loser_id, winner_id)
    for other in others:
        own = mine.get(other.seed)
        if own is None:
            other.profile_id = winner_id
            other.save(update_fields=["profile"])
            continue
        # The older of two stays; who was on both sides counts for none.
        own.is_mixed = own.is_mixed or other.is_mixed or own.arm != other.arm
        if other.first_at < own.first_at:
            for name in ("turn_id", "arm", "first_at", "day", "segments"):
                setattr(own, name, getattr(other, name))
        other.delete()
        own.save()
    return len(others)


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = HoldoutMember.objects.filter(profile_id=profile_id).select_related("turn__holdout")
    for row in rows.order_by("first_at", "pk"):
        yield {
            "holdout": row.turn.holdout.key,
            "name": row.turn.holdout.name,
            "held_out": row.arm == 0,
            "since": row.first_at.isoformat(),
        }


def _erase(profile_id: UUID) -> int:
    _recount(profile_id)
    return HoldoutMember.objects.filter(profile_id=profile_id).delete()[0]


def _divide(division: Division) -> int:
    """Which of them came when is not known any more: both come in anew with their next decision."""
    if not division.kept:
        return 0
    return _erase(division.winner.profile_id) + _erase(division.loser.profile_id)


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    """Whether the loser was on a side of anything."""
    return HoldoutMember.objects.filter(profile_id=loser.profile_id).exists() or None


def _forget(taken: TakenBack) -> int:
    if not taken.has(Purpose.ANALYTICS, Purpose.EXPERIMENTS):
        return 0
    return _erase(taken.profile_id)


def _forget_at_once(taken: TakenBack) -> None:
    _forget(taken)


HOLDER = PersonalDataHolder(
    name="holdouts",
    tables=("experiments_holdoutmember",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
CLEARING = Clearing("holdouts", at_once=_forget_at_once, later=_forget)
