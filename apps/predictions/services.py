"""Writes to predictions that others may ask for. Nothing here needs the heavy libraries at import.

`train_now` and `score_now` do: they are for workers, commands and tests.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.predictions import tasks
from apps.predictions.domain.feature_names import features_of
from apps.predictions.domain.hyperparameters import Hyperparameters
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun


def create_spec(
    *,
    site_id: UUID,
    key: str,
    name: str,
    target_event: str,
    now: datetime,
    horizon_hours: int = 168,
    feature_names: Sequence[str] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    **options: int,
) -> ModelSpec:
    """Add a model to be trained, or return the one with this key.

    Args:
        options: window_days, active_days, moments, seed.

    Raises:
        UnknownFeature, InvalidHyperparameters: what cannot be trained is not kept.
    """
    features_of(feature_names)
    Hyperparameters.of(hyperparameters or {}, seed=options.get("seed", 0))
    spec, _ = ModelSpec.objects.get_or_create(
        site_id=site_id,
        key=key,
        defaults={
            "name": name,
            "target_event": target_event,
            "horizon_hours": horizon_hours,
            "feature_names": list(feature_names),
            "hyperparameters": dict(hyperparameters or {}),
            "created_at": now,
            **options,
        },
    )
    return spec


def ask_training(*, spec: ModelSpec, now: datetime) -> UUID:
    """Ask a worker to train; return the id of the intent, which shows the progress."""
    return tasks.ask(tasks.TRAIN, tasks.TRAIN_QUEUE, spec, now)


def ask_scoring(*, spec: ModelSpec, now: datetime) -> UUID:
    """Ask a worker to bring the scores up to date; return the id of the intent."""
    return tasks.ask(tasks.SCORE, tasks.SCORE_QUEUE, spec, now)


def train_now(*, spec: ModelSpec, now: datetime) -> TrainingRun:
    """Train in this process; the run says what came of it."""
    from apps.predictions import training

    return training.train(spec_id=spec.pk, now=now)


def score_now(*, spec: ModelSpec, now: datetime) -> int:
    """Bring the scores up to date in this process; return how many profiles were looked at."""
    from apps.predictions import scoring

    return scoring.score(spec_id=spec.pk, now=now)


def promote(*, version: ModelVersion, now: datetime) -> None:
    """Let a version serve by hand, for example an earlier champion; its scores follow."""
    with transaction.atomic():
        spec = ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        spec.versions.filter(state=ModelVersion.State.CHAMPION).exclude(pk=version.pk).update(
            state=ModelVersion.State.RETIRED
        )
        version.state, version.promoted_at = ModelVersion.State.CHAMPION, now
        version.save(update_fields=["state", "promoted_at"])
        ask_scoring(spec=spec, now=now)


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of models by name. Needs scikit-learn: workers only."""
    from apps.predictions.domain.ops import OPS

    return OPS
