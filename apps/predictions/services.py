"""Writes to predictions that others may ask for. Nothing here needs the heavy libraries at import.

`train_now` and `score_now` do: they are for workers, commands and tests.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.predictions import artifacts, tasks
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


def retire(*, version: ModelVersion, now: datetime) -> None:
    """Let nobody serve any more: the scores of this question go with the next pass."""
    with transaction.atomic():
        spec = ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        spec.versions.filter(pk=version.pk).update(state=ModelVersion.State.RETIRED)
        ask_scoring(spec=spec, now=now)


def cut(*, site_id: UUID, now: datetime) -> list[UUID]:
    """Mark every trained model of a site that may have learned from who is erased now.

    Returns the ids of their questions; see `settle_cut`. Repeatable.
    """
    versions = ModelVersion.objects.filter(
        spec__site_id=site_id, deleted_at=None, trained_at__lte=now
    )
    versions.filter(cut_at=None).update(cut_at=now)
    return list(versions.values_list("spec_id", flat=True).distinct())


def settle_cut(*, spec_id: UUID, cut_at: datetime, insist_at: datetime, now: datetime) -> bool:
    """Delete what was trained up to `cut_at`, once something newer serves; False: not yet.

    Until `insist_at` a newer model has to be better to serve; from then on the newest one does,
    and where there is none, nobody. A training is asked for as long as it is needed.
    """
    spec = ModelSpec.objects.filter(pk=spec_id).first()
    if spec is None:
        return True
    champion = spec.versions.filter(state=ModelVersion.State.CHAMPION).first()
    if champion is not None and champion.trained_at <= cut_at:
        if now < insist_at:
            ask_training(spec=spec, now=now)
            return False
        newer = spec.versions.filter(trained_at__gt=cut_at).order_by("-trained_at").first()
        if newer is not None:
            promote(version=newer, now=now)
        else:
            retire(version=champion, now=now)
    for version in spec.versions.filter(deleted_at=None, trained_at__lte=cut_at):
        delete_artifact(version=version, now=now)
    return True


def delete_artifact(*, version: ModelVersion, now: datetime) -> None:
    """Delete the file of a version that serves no more, and the names in its card. Repeatable.

    How well it did stays: it is nobody's data.
    """
    assert version.state != ModelVersion.State.CHAMPION, "scoring would stop"
    card = {name: value for name, value in version.card.items() if name != "gains"}
    ModelVersion.objects.filter(pk=version.pk).update(deleted_at=now, card=card, feature_names=[])
    transaction.on_commit(lambda: artifacts.delete(version.pk))


def stat_ops() -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the arithmetic of models by name. Needs scikit-learn: workers only."""
    from apps.predictions.domain.ops import OPS

    return OPS
