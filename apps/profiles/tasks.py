"""Doors of Celery to the work of profiles."""

from celery import shared_task

from apps.profiles import duplicates
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="profiles.look_for_duplicates", ignore_result=True
)
def look_for_duplicates() -> None:
    """Daily: find profiles that may be one person, in every site."""
    for site_id in duplicates.sites():
        duplicates.look(site_id, now=clock.now())
