"""Doors of the worker to access."""

from datetime import datetime

from apps.access import alerts
from apps.work import services as work


@work.performs(alerts.DELIVER)
def deliver_alert(task: work.Work, now: datetime) -> None:
    """Carry out the intent to call a site's address. Twice: under one id, so it counts once."""
    alerts.deliver(task, now)
