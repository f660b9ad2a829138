"""Versions that serve without a training of the site's own: what they learned is made up here."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from apps.predictions import artifacts, estimators
from apps.predictions.estimators import Matrix, Vector
from apps.predictions.fitted import Fitted
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work.ids import uuid7
from tests.apps.recommendations.world import NOW

NAMES = ("category:shoes", "events_7d", "recency_h", "count:Product Viewed")
SMALL = {"trees": 30, "leaves": 6, "learning_rate": 0.1}
ROWS = 1_200

Rule = Callable[[Matrix], Vector]


def likes_shoes(x: Matrix) -> Vector:
    """Log-odds: the more of the first feature, the likelier."""
    found: Vector = x[:, 0] / 3 - 3
    return found


def rows(features: int, seed: int = 0) -> Matrix:
    """Made-up rows: counts in the first columns, one in twenty not known."""
    draw = np.random.default_rng(seed)
    x = draw.integers(0, 30, (ROWS, features)).astype(np.float64)
    x[draw.random(x.shape) < 0.05] = np.nan
    return x


def learned(
    features: int, rule: Rule = likes_shoes, *, method: str = "trees", seed: int = 0
) -> estimators.Calibrated:
    """A fitted model of so many features that follows a rule, with some noise."""
    draw = np.random.default_rng(seed + 1)
    x = rows(features, seed)
    chance = 1 / (1 + np.exp(-rule(np.nan_to_num(x))))
    y = (draw.random(ROWS) < chance).astype(np.float64)
    half = ROWS // 2
    document = SMALL if method == "trees" else {}
    return estimators.fitted(
        method, document, seed=0, teach=(x[:half], y[:half]), calibrate=(x[half:], y[half:])
    )


def champion(
    spec: ModelSpec,
    names: Sequence[str] = NAMES,
    *,
    fitted: Fitted | None = None,
    trained_at: datetime = NOW,
) -> ModelVersion:
    """A version that serves from now on, its file stored and signed."""
    fitted = fitted or Fitted({"": learned(len(names))})
    spec.versions.filter(state=ModelVersion.State.CHAMPION).update(state=ModelVersion.State.RETIRED)
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        number=spec.versions.count() + 1,
        state=ModelVersion.State.CHAMPION,
        trained_at=trained_at,
        promoted_at=trained_at,
        feature_names=list(names),
        calibration=fitted.calibration(),
        lineage={"question": {}},
        card={"auc": 0.8},
        method=next(iter(fitted.parts.values())).estimator.method,
    )
    version.artifact_sha256 = artifacts.store(version.pk, fitted.text())
    version.signature = artifacts.sign(version)
    version.save(force_insert=True)
    return version
