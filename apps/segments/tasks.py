"""Celery and intent doors to refresh.py."""

from datetime import datetime

from celery import shared_task

from apps.segments import refresh
from apps.segments.models import LiveSet
from apps.work import clock
from apps.work import services as work

REFRESH = "segments.refresh"


@work.performs(REFRESH)
def refresh_segments(task: work.Work, now: datetime) -> None:
    """Carry out the intent to refresh a site's segments."""
    assert task.site_id is not None
    refresh.refresh_site(site_id=task.site_id, read_clock=clock.now, progress=task.progress)


@shared_task(name="segments.refresh_all")  # type: ignore[untyped-decorator]  # celery has no types
def refresh_all() -> None:
    """Ask for a refresh of every site that has ever published a segment (beat)."""
    for site_id in LiveSet.objects.values_list("site_id", flat=True):
        work.ask(REFRESH, key="all", site_id=site_id, now=clock.now())
