"""What delivery does when something upstream has happened."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.decisions.signals import published
from apps.delivery import purging


def connect() -> None:
    """Listen to publications."""
    published.connect(_tell_caches, dispatch_uid="delivery.purge")


def _tell_caches(site_id: UUID, number: int, now: datetime, **_: Any) -> None:
    purging.ask_for_purge(site_id=site_id, number=number, now=now)
