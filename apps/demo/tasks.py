"""Intent doors of the demo."""

from datetime import datetime

from apps.demo import exposing
from apps.work import services as work


@work.performs(exposing.KIND)
def expose_history(task: work.Work, now: datetime) -> None:
    """Carry out the intent to expose the history to the demo's A/A test."""
    exposing.expose(task, now)
