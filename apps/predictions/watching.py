"""Whether what serves still sees what it learned from: features, scores, and what came true.

Visitors are looked at as of the last UTC midnight, as trainings do: the hour of the day is no
drift. Nothing of a person is kept, only counts by bin. Only workers import this module.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import transaction

from apps.access import alerts
from apps.predictions import features, labels, reading, services, shadow
from apps.predictions.domain import drifting
from apps.predictions.domain.drifting import Moved, Vector
from apps.predictions.errors import ArtifactBroken
from apps.predictions.features import Matrix, Moment
from apps.predictions.fitted import Fitted, restored
from apps.predictions.looking import MAX_ROWS_A_MOMENT
from apps.predictions.models import DriftLook, ModelSpec, ModelVersion, TrainingRun
from apps.work.types import Progress

logger = logging.getLogger(__name__)

KEPT: Final = timedelta(days=90)
PATIENCE: Final = timedelta(days=1)  # between two trainings that drift asks for
WEIGHS: Final = 0.05  # share of what a model tells apart that drifted features have to have
NEW_NAMES: Final = 5
MOST_TOLD: Final = 20  # in one alert
Kind = DriftLook.Kind
Level = DriftLook.Level


def reference_of(
    names: Sequence[str], x: Matrix, foreseen: Vector | Mapping[str, Vector], y: Matrix
) -> dict[str, Any]:
    """Return how features, scores and outcomes lay when a version was judged, as JSON.

    Args:
        x: float64 (rows, names), of the judging moment.
        foreseen: probabilities (rows,), or those of each output.
        y: what came true, (rows,) or (rows, outputs) in the order of `foreseen`.
    """
    by_output = foreseen if isinstance(foreseen, Mapping) else {"": foreseen}
    came = y.reshape(len(y), -1)
    return {
        "rows": len(x),
        # What people have, for the least change that would carry a score over a threshold.
        "deciles": {name: drifting.binned(c)["edges"] for name, c in zip(names, x.T, strict=True)},
        "features": {
            name: drifting.binned(column) for name, column in zip(names, x.T, strict=True)
        },
        "outputs": {
            output: {
                "score": drifting.binned(said),
                "foreseen": float(said.mean()) if len(said) else None,
                "base_rate": float(came[:, place].mean()) if len(came) else None,
            }
            for place, (output, said) in enumerate(by_output.items())
        },
    }


def watch(
    *,
    now: datetime,
    progress: Progress,
    specs: Sequence[UUID] | None = None,
    is_asked: bool = False,
) -> list[DriftLook]:
    """Look at every version that serves and has not been looked at since midnight.

    What surely drifted asks for a training, where the question says so. A broken file is told by
    the home page already. Repeatable.

    Args:
        specs: only the versions of these questions.
        is_asked: somebody wants to see it now, also if there was a look since midnight.
    """
    serving = ModelVersion.objects.filter(
        state=ModelVersion.State.CHAMPION, spec__is_enabled=True, deleted_at=None
    ).exclude(reference={})
    if specs is not None:
        serving = serving.filter(spec__in=specs)
    rows = list(serving.select_related("spec__site").order_by("pk"))
    found: list[DriftLook] = []
    for place, version in enumerate(rows):
        progress(place, len(rows), f"Looking at {version.spec}")
        if not is_asked and version.looks.filter(looked_at__gte=midnight(now)).exists():
            continue
        try:
            looks = look(version, now=now)
        except ArtifactBroken:
            logger.warning("predictions.not_looked_at", extra={"version": version.pk})
            continue
        found += looks
        if is_serious(version, looks):
            ask_retraining(version.spec, now=now)
    return found


def look(version: ModelVersion, *, now: datetime) -> list[DriftLook]:
    """Hold what is seen now against the version's reference; write and return what was found.

    Raises:
        ArtifactBroken: its file is missing or is not what was stored.
    """
    spec, reference = version.spec, version.reference
    if "features" not in reference or not reading.computable(version.feature_names):
        return []
    fitted = restored(version)
    as_of = [midnight(now)]
    came_true = list(shadow.matured(spec, version, now))[-1:]
    names = version.feature_names
    *matured, newest = features.moments(spec, names, [*came_true, *as_of], now=now)
    looks = [
        DriftLook(
            version=version,
            looked_at=now,
            kind=kind,
            name=name[:200],
            value=_finite(moved.psi),
            expected=_finite(moved.expected),
            level=moved.level,
            words=moved.words[:500],
        )
        for kind, name, moved in (
            *_of_features(names, newest.x, reference),
            *_of_scores(fitted, newest, reference),
            *_of_outcomes(spec, fitted, matured),
            *_of_names(spec, version, newest.as_of),
            (Kind.VOLUME, "visitors", _volume(len(newest.x), reference["rows"])),
        )
    ]
    with transaction.atomic():
        version.looks.filter(looked_at__lt=now - KEPT).delete()
        before = _drifted_before(version)
        DriftLook.objects.bulk_create(looks)
        _tell(version, [one for one in looks if (one.kind, one.name) not in before], now)
    drifted = sum(one.level == Level.DRIFTED for one in looks)
    logger.info("predictions.looked", extra={"version": version.pk, "drifted": drifted})
    return looks


def _drifted_before(version: ModelVersion) -> set[tuple[str, str]]:
    """What had drifted at the last look: nobody has to be told of it every day."""
    last = version.looks.order_by("-looked_at").first()
    if last is None:
        return set()
    rows = version.looks.filter(looked_at=last.looked_at, level=Level.DRIFTED)
    return set(rows.values_list("kind", "name"))


def _tell(version: ModelVersion, looks: Sequence[DriftLook], now: datetime) -> None:
    """Tell the site's address of what has newly drifted; in the transaction of the look."""
    drifted = [one for one in looks if one.level == Level.DRIFTED]
    if not drifted:
        return
    alerts.tell(
        site_id=version.spec.site_id,
        kind="model.drifted",
        source=f"models/{version.spec.key}",
        data={
            "model": version.spec.key,
            "version": version.number,
            "isSerious": is_serious(version, drifted),
            "drifted": [
                {"kind": one.kind, "name": one.name, "value": one.value, "words": one.words}
                for one in drifted[:MOST_TOLD]
            ],
            "more": max(len(drifted) - MOST_TOLD, 0),
        },
        now=now,
    )


def is_serious(version: ModelVersion, looks: Sequence[DriftLook]) -> bool:
    """Whether to train again: scores or their truth have drifted, or features that weigh."""
    drifted = [one for one in looks if one.level == Level.DRIFTED]
    if any(one.kind in (Kind.SCORE, Kind.CALIBRATION) for one in drifted):
        return True
    gains = dict(version.card.get("gains", []))
    names = {one.name for one in drifted if one.kind in (Kind.FEATURE, Kind.MISSING)}
    return bool(sum(gains.get(name, 0.0) for name in names) >= WEIGHS)


def ask_retraining(
    spec: ModelSpec, *, now: datetime, cause: str = TrainingRun.Cause.DRIFT
) -> UUID | None:
    """Ask for a training if the question is to be learned again by drift; return the intent's id.

    At most once a day: what has just been learned has not drifted.
    """
    if spec.retrain != ModelSpec.Retrain.DRIFT:
        return None
    if spec.runs.filter(started_at__gt=now - PATIENCE).exists():
        return None
    return services.ask_training(spec=spec, now=now, cause=cause)


def midnight(now: datetime) -> datetime:
    """Return the last midnight of UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _of_features(
    names: Sequence[str], x: Matrix, reference: Mapping[str, Any]
) -> Iterator[tuple[str, str, Moved]]:
    for name, column in zip(names, x.T, strict=True):
        before = reference["features"].get(name)
        if before is None:
            continue
        now = drifting.counted(column, before["edges"])
        yield Kind.FEATURE, name, drifting.moved(before, now)
        if before["missing"] or now["missing"] or now["infinite"]:
            yield Kind.MISSING, name, drifting.known_less(before, now)


def _of_scores(
    fitted: Fitted, moment: Moment, reference: Mapping[str, Any]
) -> Iterator[tuple[str, str, Moved]]:
    for output, said in fitted.outputs(moment.x).items() if len(moment.x) else ():
        before = reference["outputs"].get(output)
        if before is not None:
            now = drifting.counted(said, before["score"]["edges"])
            yield Kind.SCORE, output or "score", drifting.moved(before["score"], now)


def _of_outcomes(
    spec: ModelSpec, fitted: Fitted, matured: Sequence[Moment]
) -> Iterator[tuple[str, str, Moved]]:
    """What was foreseen at the newest midnight whose horizon is over, against what came."""
    for moment in matured:
        said = fitted.outputs(moment.x) if len(moment.x) else {}
        for place, label in enumerate(labels.labels_of(spec)):
            if label.output in said:
                y = reading.Looked.outcome(moment, place)
                moved = drifting.believed(said[label.output], y)
                yield Kind.CALIBRATION, label.output or "what came true", moved


def _of_names(
    spec: ModelSpec, version: ModelVersion, as_of: datetime
) -> Iterator[tuple[str, str, Moved]]:
    """Frequent events and categories that it has never seen, where names are not set by hand."""
    if spec.feature_names:
        return
    known = {*version.feature_names, *version.card.get("dropped", {})}
    fresh = [name for name in features.names_for(spec, as_of=as_of) if name not in known]
    for name in [one for one in fresh if not one.startswith("since_h:")][:NEW_NAMES]:
        words = "It is frequent now, and the model has never seen it: a new training would."
        yield Kind.FEATURE, name, Moved("watch", words)


def _volume(rows: int, before: int) -> Moved:
    most = MAX_ROWS_A_MOMENT
    words = f"{rows:,} active visitors; when it was trained {before:,}."
    if rows >= most and before >= most:
        return Moved("fine", f"At least {most:,} active visitors, then and now.", rows, before)
    ratio = rows / before if before else np.inf
    level = "fine" if 0.5 <= ratio <= 2 else "watch" if 0.2 <= ratio <= 5 else "drifted"
    return Moved(level, words, float(rows), float(before))


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
