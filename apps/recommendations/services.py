"""Writes to recommenders that others may ask for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.recommendations import training
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.recommendations.tasks import TRAIN
from apps.work import services as work


def create_recommender(
    *,
    site_id: UUID,
    key: str,
    name: str,
    kind: str = Recommender.Kind.FOLLOWED_BY,
    event_name: str = "Product Viewed",
    window_days: int = 90,
) -> Recommender:
    """Add a recommender, or return the one with this key. It serves after its first training.

    It learns from the last `window_days` before each training.
    """
    recommender, _ = Recommender.objects.get_or_create(
        site_id=site_id,
        key=key,
        defaults={
            "name": name,
            "kind": kind,
            "event_name": event_name,
            "window_days": window_days,
        },
    )
    return recommender


def ask_training(*, recommender: Recommender, now: datetime) -> UUID:
    """Ask a worker to train it; return the id of the intent, which shows the progress."""
    intent = work.ask(
        TRAIN,
        key=str(recommender.pk),
        site_id=recommender.site_id,
        payload={"recommender_id": str(recommender.pk)},
        queue="train",
        now=now,
    )
    return intent.pk


def train_now(
    *, recommenders: Iterable[Recommender], now: datetime
) -> list[tuple[Recommender, RecommenderVersion | None]]:
    """Train in this process and return each new version; None where nothing was seen yet."""
    done = []
    for recommender in recommenders:
        version_id = training.train(recommender_id=recommender.pk, now=now)
        version = None if version_id is None else RecommenderVersion.objects.get(pk=version_id)
        done.append((recommender, version))
    return done


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of recommendations by name, for `stats_eval`."""
    from apps.recommendations.domain.ops import OPS

    return OPS
