"""Celery and intent doors to the sums and results of experiments."""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from apps.experiments import rotating
from apps.experiments.designing import KEPT_OPEN
from apps.experiments.models import Experiment, Holdout, Phase
from apps.work import clock
from apps.work import services as work

REFRESH = "experiments.refresh"
WORTH = "experiments.worth"


@work.performs(REFRESH)
def refresh_site(task: work.Work, now: datetime) -> None:
    """Carry out the intent to bring one site's participants, sums and results up to date.

    `experiment` in the payload: somebody waits for the result of that one, whatever has changed.
    """
    from apps.experiments import refresh_due, refreshing, sharing, working_out

    assert task.site_id is not None
    counted = refreshing.refresh_phases(site_id=task.site_id, now=now, progress=task.progress)
    bandits = Phase.objects.filter(
        experiment__site_id=task.site_id, experiment__kind=Experiment.Kind.BANDIT, ended_at=None
    )
    for phase in bandits.select_related("experiment__site").order_by("pk"):
        sharing.share_anew(phase, now=now)
    asked = task.payload.get("experiment")
    due = refresh_due.due(task.site_id, counted, UUID(str(asked)) if asked else None, now)
    working_out.work_out(due, now=now)


@shared_task(name="experiments.rotate_holdouts")  # type: ignore[untyped-decorator]  # no types
def rotate_holdouts() -> int:
    """Hold others out where a holdout's time is over (beat). Safe to run twice."""
    return rotating.rotate_due(clock.now())


@shared_task(name="experiments.refresh_all")  # type: ignore[untyped-decorator]  # no types
def refresh_all() -> None:
    """Ask for it at every site that has an experiment which counts (beat)."""
    now = clock.now()
    running = Experiment.objects.filter(phases__ended_at=None, phase__gt=0)
    lately = Experiment.objects.filter(phases__ended_at__gt=now - KEPT_OPEN)
    for site_id in sorted(
        {*running.values_list("site_id", flat=True), *lately.values_list("site_id", flat=True)}
    ):
        work.ask(REFRESH, key="site", site_id=site_id, now=now)


@work.performs(WORTH)
def count_worth_of(task: work.Work, now: datetime) -> None:
    """Carry out the intent to say anew what personalization earns on one site."""
    from apps.experiments import choice_worth, worth, worth_counting, worth_members

    assert task.site_id is not None
    worth_members.collect(task.site_id, now=now)
    worth_counting.count(task.site_id, now=now, progress=task.progress)
    for holdout in Holdout.objects.filter(site_id=task.site_id, archived_at=None).order_by("pk"):
        worth.analyse(holdout, now=now)
    for phase in worth_counting.phases_due(task.site_id, now=now):
        choice_worth.analyse(phase, now=now)


@shared_task(name="experiments.count_worth")  # type: ignore[untyped-decorator]  # no types
def count_worth() -> None:
    """Ask for it at every site that has a holdout or an experiment which counts (beat)."""
    now = clock.now()
    held = Holdout.objects.filter(archived_at=None, is_enabled=True)
    running = Experiment.objects.filter(phases__ended_at=None, phase__gt=0)
    for site_id in sorted(
        {*held.values_list("site_id", flat=True), *running.values_list("site_id", flat=True)}
    ):
        work.ask(WORTH, key="site", site_id=site_id, now=now)
