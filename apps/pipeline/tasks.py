"""Doors of intents to the pipeline."""

from datetime import datetime
from uuid import UUID

from apps.pipeline import bought_filling
from apps.work import services as work


@work.performs(bought_filling.FILL)
def fill_bought(task: work.Work, now: datetime) -> None:
    """Carry out the intent to tell of earlier buyers what they bought."""
    bought_filling.fill(UUID(task.payload["site_id"]), task.progress)
