"""Celery and intent doors to training.py."""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from apps.recommendations import training
from apps.recommendations.models import Recommender
from apps.work import clock
from apps.work import services as work

TRAIN = "recommendations.train"


@work.performs(TRAIN)
def train_recommender(task: work.Work, now: datetime) -> None:
    """Carry out the intent to train one recommender; it may have been deleted meanwhile."""
    recommender_id = UUID(task.payload["recommender_id"])
    if Recommender.objects.filter(pk=recommender_id).exists():
        training.train(recommender_id=recommender_id, now=now, progress=task.progress)


@shared_task(name="recommendations.train_all")  # type: ignore[untyped-decorator]  # no types
def train_all() -> None:
    """Ask for a training of every enabled recommender (beat)."""
    for recommender in Recommender.objects.filter(is_enabled=True):
        work.ask(
            TRAIN,
            key=str(recommender.pk),
            site_id=recommender.site_id,
            payload={"recommender_id": str(recommender.pk)},
            queue="train",
            now=clock.now(),
        )
