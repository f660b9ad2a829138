"""Celery and intent doors to training.py."""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from apps.recommendations.models import Recommender
from apps.work import clock
from apps.work import services as work

TRAIN = "recommendations.train"


@work.performs(TRAIN)
def train_recommender(task: work.Work, now: datetime) -> None:
    """Carry out the intent to train one recommender; it may have been deleted meanwhile."""
    from apps.recommendations import training  # heavy: the trainer only

    recommender_id = UUID(task.payload["recommender_id"])
    if Recommender.objects.filter(pk=recommender_id).exists():
        training.train(
            recommender_id=recommender_id,
            now=now,
            progress=task.progress,
            chooses=bool(task.payload.get("chooses")),
        )


@shared_task(name="recommendations.train_all")  # type: ignore[untyped-decorator]  # no types
def train_all() -> None:
    """Ask for a training of every enabled recommender by the method that serves (beat)."""
    _ask_all(chooses=False)


@shared_task(name="recommendations.choose_all")  # type: ignore[untyped-decorator]  # no types
def choose_all() -> None:
    """Ask for a trial of every enabled recommender's methods, and a training (beat, nightly)."""
    _ask_all(chooses=True)


def _ask_all(*, chooses: bool) -> None:
    for recommender in Recommender.objects.filter(is_enabled=True):
        work.ask(
            TRAIN,
            key=str(recommender.pk),
            site_id=recommender.site_id,
            payload={"recommender_id": str(recommender.pk), "chooses": chooses},
            queue="train",
            now=clock.now(),
        )
