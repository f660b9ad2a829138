"""The rows of trainings: begun, moved on, ended, and closed when their process has died.

Nothing here needs the heavy libraries.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from apps.predictions import artifacts
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work import clock
from apps.work import selectors as work
from apps.work.types import Progress

logger = logging.getLogger(__name__)

OFTEN: Final = 0.5  # seconds between two writes of how far a training is

DIED: Final = "Its process died. What was asked for begins again by itself."
# Without an intent nobody extends a lease: a training by command takes no longer.
LONGEST: Final = timedelta(hours=12)
State = TrainingRun.State


def begin(
    spec: ModelSpec,
    *,
    now: datetime,
    cause: str = TrainingRun.Cause.HAND,
    intent_id: UUID | None = None,
) -> TrainingRun:
    """Write that a training has begun. What an attempt of the same intent left is closed."""
    if intent_id is not None:
        _close(TrainingRun.objects.filter(intent_id=intent_id))
    return TrainingRun.objects.create(
        spec=spec, started_at=now, cause=cause, intent_id=intent_id, stage="begin"
    )


def at_stage(run: TrainingRun, stage: str) -> None:
    """Write what the training is at, for pages: a word or two."""
    run.stage = stage[:40]
    TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING).update(stage=run.stage)


def now_and_then(progress: Progress) -> Progress:
    """Return a progress that may be told of each tree: it passes on two a second, and the last."""
    passed_on = 0.0

    def tell(done: int, total: int, note: str = "") -> None:
        nonlocal passed_on
        if done >= total or time.monotonic() - passed_on >= OFTEN:
            progress(done, total, note)
            passed_on = time.monotonic()

    return tell


def within(progress: Progress, low: int, high: int, total: int) -> Progress:
    """Return a progress for one part of the work: its own share becomes `low` to `high`."""

    whole = total

    def tell(done: int, total: int, note: str = "") -> None:
        progress(low + (high - low) * done // max(total, 1), whole, note)

    return tell


def finish(run: TrainingRun, state: TrainingRun.State, outcome: str) -> None:
    """Write what came of it, in a sentence."""
    run.state, run.outcome, run.finished_at = state, outcome[:500], clock.now()
    run.save()


def keep(version: ModelVersion) -> None:
    """Insert a trained version under the next number of its question, as a candidate.

    Its file has been stored before: a version without one could not be told from a broken one.
    """
    with transaction.atomic():
        ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        versions = ModelVersion.objects.filter(spec_id=version.spec_id)
        version.number = (versions.aggregate(newest=Max("number"))["newest"] or 0) + 1
        version.state = ModelVersion.State.CANDIDATE
        version.save(force_insert=True)


def close_abandoned(*, now: datetime) -> int:
    """End the runs whose process has died, and clear what it left in the folder; return how many.

    Work under a lease is told by its intent; a training by command by its age. Repeatable.
    """
    running = TrainingRun.objects.filter(state=State.RUNNING)
    intents = {run.pk: run.intent_id for run in running.filter(intent_id__isnull=False)}
    alive = work.leased([pk for pk in intents.values() if pk is not None], now)
    dead = [run_id for run_id, intent_id in intents.items() if intent_id not in alive]
    closed = _close(TrainingRun.objects.filter(pk__in=dead))
    closed += _close(running.filter(intent_id=None, started_at__lt=now - LONGEST))
    artifacts.sweep(now=now)
    if closed:
        logger.warning("predictions.runs_died", extra={"runs": closed})
    return closed


def _close(rows: QuerySet[TrainingRun]) -> int:
    return rows.filter(state=State.RUNNING).update(
        state=State.FAILED, outcome=DIED, finished_at=clock.now()
    )
