"""What the pipeline does when something upstream has happened."""

from typing import Any
from uuid import UUID

from apps.pipeline import bought_filling
from apps.recommendations.selectors import forget_bought, purchases_wanted
from apps.recommendations.signals import recommender_saved
from apps.work import clock


def connect() -> None:
    """Listen to recommenders."""
    recommender_saved.connect(_fill_bought, dispatch_uid="pipeline.bought")


def _fill_bought(site_id: UUID, **_: Any) -> None:
    forget_bought()
    if purchases_wanted(site_id).names:
        bought_filling.ask(site_id, clock.now())
