"""Which results are worked out anew in a pass: those of which something new is known."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q

from apps.experiments.designing import KEPT_OPEN
from apps.experiments.models import DaySum, Experiment, Phase


def due(site_id: UUID, counted: Collection[UUID], asked: UUID | None, now: datetime) -> list[Phase]:
    """Return the phases whose results are to be worked out, by their ids. Three queries.

    Where something was counted, done or added since; once a day all that are open, because time
    itself decides some of it; and the newest phase of the experiment that somebody asked for,
    unless it ended long ago: what is told of it is of people who may be gone by now.

    Args:
        counted: phases of which sums were counted in this pass.
        asked: an experiment.
    """
    of_site = Phase.objects.filter(experiment__site_id=site_id).select_related("experiment__site")
    forgotten = _forgotten(site_id, now)
    chosen = Q(ended_at=None) | Q(pk__in=[*counted, *forgotten])
    if asked is not None:
        chosen |= Q(experiment_id=asked, ended_at__gt=now - KEPT_OPEN)
    rows = of_site.filter(chosen).annotate(
        done_at=Max("result__worked_out_at"),
        changed_at=Max("experiment__changes__at"),
        goal_at=Max("experiment__goals__added_at"),
    )
    newest = dict(Experiment.objects.filter(pk=asked).values_list("pk", "phase")) if asked else {}
    return [
        phase
        for phase in rows.order_by("pk")
        if phase.pk in counted
        or phase.pk in forgotten
        or newest.get(phase.experiment_id) == phase.number
        or (
            phase.ended_at is None
            and _is_stale(phase.done_at, [phase.changed_at, phase.goal_at], now)
        )
    ]


def _forgotten(site_id: UUID, now: datetime) -> set[UUID]:
    """The phases that ended lately and have sums which their results do not know of.

    The pass that counted them broke off. Of those under way the next event or day reminds.
    """
    lately = Phase.objects.filter(experiment__site_id=site_id, ended_at__gt=now - KEPT_OPEN)
    sums = DaySum.objects.filter(phase=OuterRef("pk"))
    newer = sums.filter(counted_at__gt=OuterRef("result__worked_out_at"))
    without = Q(result=None) & Exists(sums)
    return set(lately.filter(Exists(newer) | without).values_list("pk", flat=True))


def _is_stale(done: datetime | None, known: Collection[datetime | None], now: datetime) -> bool:
    if done is None or done.astimezone(UTC).date() < now.astimezone(UTC).date():
        return True
    return any(one is not None and one >= done for one in known)
