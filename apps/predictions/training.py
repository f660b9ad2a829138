"""One training from its beginning to a sentence that says what came of it.

What is learned is the business of the question's kind (`kinds`). Only workers import this module.
"""

import logging
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import Error as DatabaseError

from apps.consent import declared
from apps.predictions import kinds, runs
from apps.predictions.errors import (
    InvalidHyperparameters,
    InvalidTarget,
    ModelRefused,
    UnknownFeature,
)
from apps.predictions.fitted import restored
from apps.predictions.models import ModelSpec, TrainingRun
from apps.work.error_text import told
from apps.work.errors import LeaseLost
from apps.work.types import Progress

__all__ = ["restored", "silent", "train"]

logger = logging.getLogger(__name__)
State = TrainingRun.State


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def train(
    *,
    spec_id: UUID,
    now: datetime,
    progress: Progress = silent,
    cause: str = TrainingRun.Cause.HAND,
    intent_id: UUID | None = None,
) -> TrainingRun:
    """Learn one version and judge it; nothing serves that nobody has said yes to.

    Returns the run, which says in a sentence what came of it. A refusal (too little to learn from,
    or no better than the plain rate) is such an outcome, not an error.

    Args:
        intent_id: the work that carries it out; what an earlier attempt of it left is closed.
    """
    spec = ModelSpec.objects.select_related("site").get(pk=spec_id)
    run = runs.begin(spec, now=now, cause=cause, intent_id=intent_id)
    try:
        problem = declared.problem_of(spec.purpose)
        if problem is not None:
            raise ModelRefused(problem)
        kinds.kind_of(spec).train(spec, run, now, runs.now_and_then(progress))
    except (ModelRefused, InvalidHyperparameters, InvalidTarget, UnknownFeature) as refusal:
        runs.finish(run, State.REFUSED, str(refusal))
    except LeaseLost:
        # Another process has taken the work over, and has closed this run.
        logger.warning("predictions.taken_over", extra={"spec": spec.pk})
        raise
    except Exception as error:
        # A database that is away cannot be told; whoever tries again closes the run.
        with suppress(DatabaseError):
            runs.finish(run, State.FAILED, told(error))
        raise
    logger.info("predictions.trained", extra={"spec": spec.pk, "state": run.state})
    return run
