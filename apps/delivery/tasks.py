"""Intent doors of delivery."""

from datetime import datetime

from apps.delivery import purging
from apps.work import services as work


@work.performs(purging.PURGE)
def purge(task: work.Work, now: datetime) -> None:
    """Carry out the intent to tell a site's caches what has changed. Safe to run twice."""
    purging.perform(task)
