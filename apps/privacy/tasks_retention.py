"""The door of the worker to retention."""

from celery import shared_task
from django.db import OperationalError

from apps.privacy import retention
from apps.work import clock


@shared_task(  # type: ignore[untyped-decorator]  # celery has no types
    name="privacy.run_retention", autoretry_for=(OperationalError,), retry_backoff=True
)
def run_retention() -> dict[str, int]:
    """Remove what is over of every kind; how much by kind. Safe to run twice, and beside itself."""
    gone: dict[str, int] = {}
    for one in retention.run(now=clock.now()):
        gone[one.kind.key] = gone.get(one.kind.key, 0) + one.removed.rows
    return gone
