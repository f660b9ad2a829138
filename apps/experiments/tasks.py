"""Celery and intent doors to the sums and results of experiments."""

from datetime import datetime

from celery import shared_task

from apps.experiments.models import Experiment, Phase
from apps.experiments.refreshing import KEPT_OPEN
from apps.work import clock
from apps.work import services as work

REFRESH = "experiments.refresh"


@work.performs(REFRESH)
def refresh_site(task: work.Work, now: datetime) -> None:
    """Carry out the intent to bring one site's participants, sums and results up to date."""
    from apps.experiments import analysing, refreshing

    assert task.site_id is not None
    refreshing.refresh(site_id=task.site_id, now=now, progress=task.progress)
    phases = Phase.objects.filter(experiment__site_id=task.site_id, ended_at=None)
    for phase in phases.select_related("experiment").order_by("pk"):
        analysing.analyse(phase, now=now)


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
