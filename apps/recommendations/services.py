"""Writes to recommenders that others may ask for."""

from datetime import datetime
from uuid import UUID

from apps.recommendations.models import Recommender
from apps.recommendations.tasks import TRAIN
from apps.work import services as work
from apps.work.models import Intent


def create_recommender(
    *,
    site_id: UUID,
    key: str,
    name: str,
    kind: str = Recommender.Kind.FOLLOWED_BY,
    event_name: str = "Product Viewed",
) -> Recommender:
    """Add a recommender, or return the one with this key. It serves after its first training."""
    recommender, _ = Recommender.objects.get_or_create(
        site_id=site_id,
        key=key,
        defaults={"name": name, "kind": kind, "event_name": event_name},
    )
    return recommender


def ask_training(*, recommender: Recommender, now: datetime) -> Intent:
    """Ask a worker to train it; the intent shows the progress."""
    return work.ask(
        TRAIN,
        key=str(recommender.pk),
        site_id=recommender.site_id,
        payload={"recommender_id": str(recommender.pk)},
        queue="train",
        now=now,
    )
