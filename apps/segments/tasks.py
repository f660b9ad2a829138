"""Celery and intent doors to refresh.py and to the applying of lists."""

from datetime import datetime

from celery import shared_task

from apps.segments import (
    auditing,
    baselines,
    list_applying,
    list_following,
    refresh,
    request_reads,
    standings,
    versions,
)
from apps.segments.models import LiveSet
from apps.segments.studies import adapting
from apps.work import clock
from apps.work import services as work

REFRESH = "segments.refresh"


@work.performs(REFRESH)
def refresh_segments(task: work.Work, now: datetime) -> None:
    """Carry out the intent to refresh a site's segments, and measure what came of it."""
    assert task.site_id is not None
    refresh.refresh_site(site_id=task.site_id, read_clock=clock.now, progress=task.progress)
    versions.record_publications(task.site_id)
    baselines.measure(task.site_id, now=clock.now())


@work.performs(request_reads.TELL)
def tell_computed(task: work.Work, now: datetime) -> None:
    """Carry out the intent to have everybody's computed traits worked out for templates."""
    assert task.site_id is not None
    request_reads.look_at_everybody(task.site_id, now=now, progress=task.progress)


@work.performs(list_applying.APPLY)
def apply_list(task: work.Work, now: datetime) -> None:
    """Carry out the intent to bring a list's entries into profiles."""
    list_applying.perform(task, now)


@shared_task(name="segments.refresh_all")  # type: ignore[untyped-decorator]  # celery has no types
def refresh_all() -> None:
    """Ask for a refresh of every site that has ever published a segment (beat)."""
    for site_id in LiveSet.objects.values_list("site_id", flat=True):
        work.ask(REFRESH, key="all", site_id=site_id, now=clock.now())


@shared_task(name="segments.audit")  # type: ignore[untyped-decorator]  # celery has no types
def audit() -> None:
    """Hold what state rows say against the open memberships, site by site (beat)."""
    for site_id in LiveSet.objects.values_list("site_id", flat=True):
        if auditing.audit_memberships(site_id):
            work.ask(REFRESH, key="all", site_id=site_id, now=clock.now())


@shared_task(name="segments.refresh_due")  # type: ignore[untyped-decorator]  # celery has no types
def refresh_due() -> None:
    """Ask for a refresh where a segment's own cadence says that it is time (beat)."""
    now = clock.now()
    for site_id in standings.due_for_refresh(now):
        work.ask(REFRESH, key="all", site_id=site_id, now=now)


@shared_task(name="segments.apply_lists")  # type: ignore[untyped-decorator]  # celery has no types
def apply_lists() -> None:
    """Bring lists to who has become known, or has moved, since the last look (beat)."""
    list_following.follow(now=clock.now())


@shared_task(name="segments.look_again")  # type: ignore[untyped-decorator]  # celery has no types
def look_again() -> None:
    """Compute the thresholds again that follow the population (beat)."""
    for segment_id in adapting.due(clock.now()):
        adapting.look_again(segment_id, now=clock.now())
