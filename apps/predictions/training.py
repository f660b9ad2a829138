"""Training one model: past moments become rows, the newest moment judges.

Moments lie one horizon apart, so what one moment teaches had happened before the next began:

    ... teach | teach | calibrate | judge | now

Only workers import this module (LightGBM, scikit-learn).
"""

import hashlib
import logging
import platform
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import lightgbm
import numpy as np
import sklearn
from django.db import transaction
from django.db.models import Max
from sklearn.metrics import average_precision_score, roc_auc_score

from apps.consent import declared
from apps.predictions import artifacts, features
from apps.predictions.domain.hyperparameters import Hyperparameters
from apps.predictions.domain.judging import (
    MIN_OF_EACH,
    advantage,
    calibration_bins,
    calibration_error,
    log_losses,
)
from apps.predictions.errors import (
    ArtifactBroken,
    InvalidHyperparameters,
    ModelRefused,
    UnknownFeature,
)
from apps.predictions.estimator import PropensityModel
from apps.predictions.features import Moment
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work import clock
from apps.work.error_text import told
from apps.work.ids import uuid7
from apps.work.types import Progress

logger = logging.getLogger(__name__)


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one training looks at, oldest first; no part knows anything of a later one."""

    names: list[str]
    teach: list[Moment]
    calibrate: Moment
    judge: Moment

    def all(self) -> list[tuple[str, Moment]]:
        """Every moment with its part."""
        return [
            *(("teach", one) for one in self.teach),
            ("calibrate", self.calibrate),
            ("judge", self.judge),
        ]


def train(*, spec_id: UUID, now: datetime, progress: Progress = silent) -> TrainingRun:
    """Train a candidate, judge it, and promote it if it is better than what serves.

    Returns the run, which says in a sentence what came of it. A refusal (too little to learn from,
    or no better than the plain rate) is such an outcome, not an error.
    """
    spec = ModelSpec.objects.get(pk=spec_id)
    run = TrainingRun.objects.create(spec=spec, started_at=now)
    try:
        _train(spec, run, now, progress)
    except (ModelRefused, InvalidHyperparameters, UnknownFeature) as refusal:
        _finish(run, TrainingRun.State.REFUSED, str(refusal))
    except Exception as error:
        _finish(run, TrainingRun.State.FAILED, told(error))
        raise
    logger.info("predictions.trained", extra={"spec": spec.pk, "state": run.state})
    return run


def _finish(run: TrainingRun, state: TrainingRun.State, outcome: str) -> None:
    run.state, run.outcome, run.finished_at = state, outcome[:500], clock.now()
    run.save()


def _train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    problem = declared.problem_of(spec.purpose)
    if problem is not None:
        raise ModelRefused(problem)
    hyperparameters = Hyperparameters.of(spec.hyperparameters, seed=spec.seed)
    rows = _rows(spec, now, progress)
    run.rows = sum(len(one.y) for _, one in rows.all())
    run.positives = int(sum(one.y.sum() for _, one in rows.all()))
    _require_enough(spec, rows)
    progress(spec.moments, spec.moments + 2, "Growing trees")
    x = np.concatenate([one.x for one in rows.teach])
    y = np.concatenate([one.y for one in rows.teach])
    model = PropensityModel(hyperparameters).fit(
        x, y, calibration_x=rows.calibrate.x, calibration_y=rows.calibrate.y
    )
    progress(spec.moments + 1, spec.moments + 2, "Judging")
    card, losses = _judge(model, rows)
    champion = spec.versions.filter(state=ModelVersion.State.CHAMPION).first()
    reason = _reason_to_replace(champion, spec, rows.judge, losses, card)
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=now,
        feature_names=rows.names,
        calibration=model.calibration_,
        lineage=_lineage(spec, model, rows),
        card=card,
    )
    version.artifact_sha256 = artifacts.store(version.pk, model.text())
    _keep(version, now, is_better=reason is not None)
    run.version = version
    progress(spec.moments + 2, spec.moments + 2, "Done")
    if reason is not None:
        _finish(run, TrainingRun.State.PROMOTED, f"Version {version.number} serves: {reason}.")
    else:
        _finish(
            run,
            TrainingRun.State.KEPT,
            f"Version {version.number} is no better than the champion on the newest time "
            f"(log loss {card['log_loss']:.4f}, the champion {card['champion_log_loss']:.4f}).",
        )


def _rows(spec: ModelSpec, now: datetime, progress: Progress) -> Rows:
    horizon = timedelta(hours=spec.horizon_hours)
    instants = [now - horizon * (back + 1) for back in reversed(range(spec.moments))]
    # Names are chosen from what had happened when the last teaching moment was looked at.
    names = features.names_for(spec, as_of=instants[-3])
    moments = []
    for number, as_of in enumerate(instants):
        progress(number, spec.moments + 2, "Looking back")
        moments.append(features.moment(spec, names, as_of=as_of))
    *teach, calibrate, judge = moments
    return Rows(names, teach, calibrate, judge)


def _require_enough(spec: ModelSpec, rows: Rows) -> None:
    """Raise ModelRefused when a part has too few visitors who did, or did not, do it."""
    parts = {
        "teach": rows.teach,
        "calibrate": [rows.calibrate],
        "judge": [rows.judge],
    }
    for part, moments in parts.items():
        did = int(sum(one.y.sum() for one in moments))
        did_not = sum(len(one.y) for one in moments) - did
        if min(did, did_not) < MIN_OF_EACH:
            raise ModelRefused(
                f"Too little to {part} with: '{spec.target_event}' followed for {did} of "
                f"{did + did_not} visitors looked at, and at least {MIN_OF_EACH} who did and who "
                "did not are needed."
            )


def _judge(model: PropensityModel, rows: Rows) -> tuple[dict[str, Any], list[float]]:
    """Return the card and each judged row's log loss.

    Raises:
        ModelRefused: the model is no better than telling everyone the plain rate.
    """
    y = rows.judge.y.tolist()
    foreseen = model.probabilities(rows.judge.x).tolist()
    known = np.concatenate([*(one.y for one in rows.teach), rows.calibrate.y])
    base_rate = float(known.mean())
    losses, base_losses = log_losses(y, foreseen), log_losses(y, [base_rate] * len(y))
    gained = advantage(losses, base_losses)
    log_loss, base_log_loss = sum(losses) / len(y), sum(base_losses) / len(y)
    if not gained.is_certain:
        raise ModelRefused(
            f"It foresees no better than the plain rate of {base_rate:.1%}: log loss "
            f"{log_loss:.4f} against {base_log_loss:.4f} on {len(y)} visitors, which may be luck."
        )
    gains = sorted(zip(rows.names, model.gains(), strict=True), key=lambda pair: -pair[1])
    return {
        "base_rate": base_rate,
        "rows": len(y),
        "positives": int(sum(y)),
        "auc": float(roc_auc_score(y, foreseen)),
        "average_precision": float(average_precision_score(y, foreseen)),
        "log_loss": log_loss,
        "base_log_loss": base_log_loss,
        "advantage": [gained.mean, gained.standard_error],
        "calibration_error": calibration_error(y, foreseen),
        "bins": [list(one) for one in calibration_bins(y, foreseen)],
        "gains": [[name, round(gain, 4)] for name, gain in gains if gain > 0],
        "champion_log_loss": None,
    }, losses


def _reason_to_replace(
    champion: ModelVersion | None,
    spec: ModelSpec,
    judged: Moment,
    losses: list[float],
    card: dict[str, Any],
) -> str | None:
    """Return why the candidate should serve, None when the champion is at least as good.

    Both answer for the same visitors at the same moment, which neither was taught with.
    """
    if champion is None:
        return "it is the first that beats the plain rate"
    if champion.lineage["question"] != _question(spec):
        return "the champion answered another question"
    try:
        model = restored(champion)
    except ArtifactBroken:
        return "the champion's file is broken"
    x = features.moment(spec, champion.feature_names, as_of=judged.as_of).x
    if len(x) != len(judged.y):
        raise RuntimeError("visitors changed between two looks at one moment")
    old = log_losses(judged.y.tolist(), model.probabilities(x).tolist())
    card["champion_log_loss"] = sum(old) / len(old)
    if advantage(losses, old).mean <= 0:
        return None
    return (
        f"it is better than the champion on the newest time (log loss {card['log_loss']:.4f} "
        f"against {card['champion_log_loss']:.4f})"
    )


def restored(version: ModelVersion) -> PropensityModel:
    """Return the fitted model of a version.

    Raises:
        ArtifactBroken: its file is missing or is not what was stored.
    """
    return PropensityModel.restored(
        artifacts.load(version), version.calibration, version.lineage["hyperparameters"]
    )


def _question(spec: ModelSpec) -> dict[str, Any]:
    return {
        "target_event": spec.target_event,
        "horizon_hours": spec.horizon_hours,
        "active_days": spec.active_days,
        "window_days": spec.window_days,
    }


def _lineage(spec: ModelSpec, model: PropensityModel, rows: Rows) -> dict[str, Any]:
    digest = hashlib.sha256()
    for _, one in rows.all():
        digest.update(one.x.tobytes())
        digest.update(one.y.tobytes())
    return {
        "question": _question(spec),
        "hyperparameters": model.document(),
        "moments": [
            {
                "part": part,
                "as_of": one.as_of.isoformat(),
                "rows": len(one.y),
                "positives": int(one.y.sum()),
            }
            for part, one in rows.all()
        ],
        "rows_sha256": digest.hexdigest(),
        "software": {
            "python": platform.python_version(),
            "lightgbm": lightgbm.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }


def _keep(version: ModelVersion, now: datetime, *, is_better: bool) -> None:
    with transaction.atomic():
        ModelSpec.objects.select_for_update().get(pk=version.spec_id)
        versions = ModelVersion.objects.filter(spec_id=version.spec_id)
        version.number = (versions.aggregate(newest=Max("number"))["newest"] or 0) + 1
        if is_better:
            champions = versions.filter(state=ModelVersion.State.CHAMPION)
            champions.update(state=ModelVersion.State.RETIRED)
            version.state, version.promoted_at = ModelVersion.State.CHAMPION, now
        version.save(force_insert=True)
