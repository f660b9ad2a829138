"""Celery and intent doors to training and scoring.

Web processes import this module to ask for work, so the heavy ones are imported only when it is
carried out.
"""

from datetime import datetime
from uuid import UUID

from celery import shared_task

from apps.predictions.models import ModelSpec, TrainingRun
from apps.work import clock
from apps.work import services as work

TRAIN = "predictions.train"
SCORE = "predictions.score"
TRAIN_QUEUE = "train"
SCORE_QUEUE = "slow"


def ask(kind: str, queue: str, spec: ModelSpec, now: datetime) -> UUID:
    """Write the intent to train or score one model; return its id."""
    return work.ask(
        kind,
        key=str(spec.pk),
        site_id=spec.site_id,
        payload={"spec_id": str(spec.pk)},
        queue=queue,
        now=now,
    ).pk


@work.performs(TRAIN)
def train_model(task: work.Work, now: datetime) -> None:
    """Carry out the intent to train one model; a promoted one scores everybody anew."""
    from apps.predictions import training

    spec = ModelSpec.objects.filter(pk=UUID(task.payload["spec_id"])).first()
    if spec is None:
        return
    run = training.train(spec_id=spec.pk, now=now, progress=task.progress)
    if run.state == TrainingRun.State.PROMOTED:
        ask(SCORE, SCORE_QUEUE, spec, clock.now())


@work.performs(SCORE)
def score_profiles(task: work.Work, now: datetime) -> None:
    """Carry out the intent to bring the scores of one model up to date."""
    from apps.predictions import scoring

    spec_id = UUID(task.payload["spec_id"])
    if ModelSpec.objects.filter(pk=spec_id).exists():
        scoring.score(spec_id=spec_id, now=now, progress=task.progress)


@shared_task(name="predictions.train_all")  # type: ignore[untyped-decorator]  # no types
def train_all() -> None:
    """Ask for a training of every enabled model (beat)."""
    for spec in ModelSpec.objects.filter(is_enabled=True):
        ask(TRAIN, TRAIN_QUEUE, spec, clock.now())


@shared_task(name="predictions.score_all")  # type: ignore[untyped-decorator]  # no types
def score_all() -> None:
    """Ask for the scores of every model that was ever promoted (beat)."""
    for spec in ModelSpec.objects.filter(versions__promoted_at__isnull=False).distinct():
        ask(SCORE, SCORE_QUEUE, spec, clock.now())
