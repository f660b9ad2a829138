"""Celery and intent doors to training, scoring and the looks of challengers.

Web processes import this module to ask for work, so the heavy ones are imported only when it is
carried out.
"""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from celery import shared_task
from django.db.models import Max

from apps.predictions import runs
from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work import clock
from apps.work import services as work

logger = logging.getLogger(__name__)

TRAIN = "predictions.train"
SCORE = "predictions.score"
SHADOW = "predictions.shadow"
WATCH = "predictions.watch"
AUDIT = "predictions.audit"
TRAIN_QUEUE = "train"
SCORE_QUEUE = "slow"
Retrain = ModelSpec.Retrain
# A little less than a week: a night's training may begin some minutes earlier than the last.
WEEK: Final = timedelta(days=6, hours=20)


def ask(
    kind: str,
    queue: str,
    spec: ModelSpec,
    now: datetime,
    *,
    cause: str = TrainingRun.Cause.HAND,
) -> UUID:
    """Write the intent to train or score one model; return its id."""
    return work.ask(
        kind,
        key=str(spec.pk),
        site_id=spec.site_id,
        payload={"spec_id": str(spec.pk), "cause": str(cause)},
        queue=queue,
        now=now,
    ).pk


@work.performs(TRAIN)
def train_model(task: work.Work, now: datetime) -> None:
    """Carry out the intent to train one model; what comes of it waits for a yes."""
    from apps.predictions import training

    spec = ModelSpec.objects.filter(pk=UUID(task.payload["spec_id"])).first()
    if spec is None:
        return
    training.train(
        spec_id=spec.pk,
        now=now,
        progress=task.progress,
        cause=task.payload.get("cause", TrainingRun.Cause.HAND),
        intent_id=task.intent_id,
    )


@work.performs(SCORE)
def score_profiles(task: work.Work, now: datetime) -> None:
    """Carry out the intent to bring the scores of one model up to date.

    One whose file is broken leaves them as they are, and the home page says so: trying again would
    not help, and no score is worse than the score of yesterday.
    """
    from apps.predictions import days, scoring

    spec = ModelSpec.objects.filter(pk=UUID(task.payload["spec_id"])).first()
    if spec is None:
        return
    days.fill(spec.site_id, now=now)  # what is summed up need not be read from events
    try:
        scoring.score(spec_id=spec.pk, now=now, progress=task.progress)
    except ArtifactBroken:
        logger.exception("predictions.artifact_broken", extra={"spec": spec.pk})


@work.performs(SHADOW)
def look_at_challenger(task: work.Work, now: datetime) -> None:
    """Carry out the intent to see how a challenger did at the moments that have come true."""
    from apps.predictions import shadow

    spec = ModelSpec.objects.filter(pk=UUID(task.payload["spec_id"])).first()
    if spec is not None:
        shadow.look(spec, now=now, progress=task.progress)


@shared_task(name="predictions.train_all")  # type: ignore[untyped-decorator]  # no types
def train_all() -> None:
    """Ask for the trainings that are due (beat)."""
    now = clock.now()
    runs.close_abandoned(now=now)
    for spec in due(now):
        ask(TRAIN, TRAIN_QUEUE, spec, now, cause=TrainingRun.Cause.SCHEDULE)


def due(now: datetime) -> list[ModelSpec]:
    """Return the enabled models that are to be learned anew tonight."""
    specs = ModelSpec.objects.filter(is_enabled=True).annotate(last=Max("runs__started_at"))
    return [
        spec
        for spec in specs.order_by("pk")
        if spec.retrain == Retrain.NIGHTLY
        or (spec.retrain == Retrain.WEEKLY and (spec.last is None or spec.last <= now - WEEK))
    ]


@shared_task(name="predictions.score_all")  # type: ignore[untyped-decorator]  # no types
def score_all() -> None:
    """Ask for the scores of every model that was ever promoted (beat)."""
    now = clock.now()
    runs.close_abandoned(now=now)
    for spec in ModelSpec.objects.filter(versions__promoted_at__isnull=False).distinct():
        ask(SCORE, SCORE_QUEUE, spec, now)


@shared_task(name="predictions.look_at_challengers")  # type: ignore[untyped-decorator]  # no types
def look_at_challengers() -> None:
    """Ask how each challenger did beside what serves (beat)."""
    for spec in ModelSpec.objects.filter(versions__state=ModelVersion.State.CHALLENGER):
        ask(SHADOW, TRAIN_QUEUE, spec, clock.now())


@work.performs(WATCH)
def watch_model(task: work.Work, now: datetime) -> None:
    """Carry out the intent to look whether what serves still sees what it learned from."""
    from apps.predictions import watching

    watching.watch(
        now=now,
        progress=task.progress,
        specs=[UUID(task.payload["spec_id"])],
        is_asked=task.payload.get("cause") == TrainingRun.Cause.HAND,
    )


def ask_audit(version: ModelVersion, *, actor_id: int | None, now: datetime) -> UUID:
    """Ask a worker to look how a version treats the groups of the trait that is watched."""
    return work.ask(
        AUDIT,
        key=str(version.pk),
        site_id=version.spec.site_id,
        payload={"version_id": str(version.pk), "actor_id": actor_id},
        queue=TRAIN_QUEUE,
        now=now,
    ).pk


@work.performs(AUDIT)
def audit_version(task: work.Work, now: datetime) -> None:
    """Carry out the intent to audit a version."""
    from apps.predictions import auditing

    versions = ModelVersion.objects.select_related("spec")
    version = versions.filter(pk=UUID(task.payload["version_id"]), deleted_at=None).first()
    if version is not None:
        auditing.audit_new(version, now=now, actor_id=task.payload["actor_id"])


@shared_task(name="predictions.watch_models")  # type: ignore[untyped-decorator]  # no types
def watch_models() -> None:
    """Ask for a look at every model that serves; one a day is enough for each (beat)."""
    for spec in ModelSpec.objects.filter(
        is_enabled=True, versions__state=ModelVersion.State.CHAMPION
    ):
        ask(WATCH, TRAIN_QUEUE, spec, clock.now(), cause=TrainingRun.Cause.SCHEDULE)
