"""What experiments keep about a profile: in which it took part, and what it was shown first."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.consent.types import Purpose
from apps.consent.withdrawing import Clearing, TakenBack
from apps.experiments.collecting import collect_again
from apps.experiments.designing import KEPT_OPEN
from apps.experiments.models import DaySum, Participant, Reopened
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.work import clock


def _reopen(*profile_ids: UUID) -> None:
    """Have the days counted anew on which these took part first.

    Not those of what ended long ago: its sums stay, in which nobody is. Retention may have taken
    the events of that time, and a day counted without them would say that nobody did anything.
    """
    counted = Q(phase__ended_at=None) | Q(phase__ended_at__gt=clock.now() - KEPT_OPEN)
    rows = Participant.objects.filter(counted, profile_id__in=profile_ids)
    Reopened.objects.bulk_create(
        Reopened(phase_id=phase_id, day=day)
        for phase_id, day in rows.values_list("phase_id", "day").distinct()
    )


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    both = [loser_id, winner_id]
    taking_part = Participant.objects.filter(profile_id__in=both)
    site_id = taking_part.values_list("phase__experiment__site_id", flat=True).first()
    if site_id is None:
        return 0
    # The events are the winner's by now: they say which exposure of both was the first.
    return _look_anew(site_id, both)


def _look_anew(site_id: UUID, profile_ids: list[UUID]) -> int:
    """Find out from the events who of these took part in what; return the rows written.

    Also of somebody who took part in nothing: what they did counts for the other one now, or no
    more, and whether somebody is a machine may be told by the events of either.
    """
    _reopen(*profile_ids)
    taking_part = Participant.objects.filter(profile_id__in=profile_ids)
    before = _places(taking_part)
    taking_part.delete()
    found = collect_again(site_id, profile_ids)
    _reopen(*profile_ids)
    # Where nobody of them is found again, no erasure would look for their values.
    _empty_samples(before - _places(taking_part.all()))
    return found


def _places(taking_part: QuerySet[Participant]) -> set[tuple[UUID, date, int]]:
    """Phase, day and arm: where single values of theirs may be kept."""
    return set(taking_part.values_list("phase_id", "day", "arm"))


def _empty_samples(places: set[tuple[UUID, date, int]]) -> None:
    """Single values stand in samples, also of days that are counted no more."""
    for phase_id, day, arm in sorted(places):  # in one order: two may do so at once
        days = DaySum.objects.filter(phase_id=phase_id, day=day, arm=arm).exclude(sample=[])
        days.update(sample=[])  # whatever is counted anew has one again


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
    took_part = Participant.objects.filter(profile_id=profile_id)
    _empty_samples(_places(took_part))
    return took_part.delete()[0]


def _divide(division: Division) -> int:
    """Who took part in what is in the events, which know whose they are."""
    both = [division.winner.profile_id, division.loser.profile_id]
    return _look_anew(division.winner.site_id, both)


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
)
CLEARING = Clearing("experiments", at_once=_forget_at_once, later=_forget)
