"""Celery and intent doors to the sums by day that features are read from."""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from apps.predictions import days
from apps.predictions.models import ModelSpec
from apps.work import clock
from apps.work import services as work

FILL = "predictions.fill_days"


@work.performs(FILL)
def fill_days(task: work.Work, now: datetime) -> None:
    """Carry out the intent to close the days of a site and to count again what has changed."""
    days.fill(UUID(task.payload["site_id"]), now=now, progress=task.progress)


@shared_task(name="predictions.fill_features")  # type: ignore[untyped-decorator]  # no types
def fill_features() -> None:
    """Ask for the days of every site that has a model to be closed (beat)."""
    sites = ModelSpec.objects.filter(is_enabled=True).values_list("site_id", flat=True)
    for site_id in sites.distinct().order_by("site_id"):
        work.ask(
            FILL,
            key=str(site_id),
            site_id=site_id,
            payload={"site_id": str(site_id)},
            queue="slow",
            now=clock.now(),
        )
