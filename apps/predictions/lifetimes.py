"""What customers will still be worth: learned from their purchases, judged on a time after them.

Of each customer it says, as traits `score.<key>.<output>`: `purchases` and `value` of the months to
come, `alive` (how likely they are still a customer) and `churn` ("gone" or "here").
Only workers import this module (numpy, scipy).
"""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import scipy

from apps.predictions import artifacts, purchases, runs
from apps.predictions.domain.foretelling import (
    GONE,
    INDEPENDENT,
    MONTH,
    BackTest,
    Forecast,
    back_test,
    fitted,
)
from apps.predictions.domain.lifetime import MIN_REPEATERS
from apps.predictions.domain.purchasing import Customers, DaySum, customers_at
from apps.predictions.errors import ArtifactBroken, ModelRefused
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.predictions.writing import Said, write
from apps.work.ids import uuid7
from apps.work.types import Progress

logger = logging.getLogger(__name__)

MONTHS: Final = 12
DISCOUNT: Final = 0.1  # a year
BATCH: Final = 5_000
OUTPUTS: Final = ("purchases", "value", "alive", "churn")
# What is read of a customer's churn.
IS_GONE, IS_HERE = "gone", "here"


@dataclass(frozen=True, slots=True)
class Valued:
    """What a version says of customers: a forecast, over how many months, discounted by a year."""

    forecast: Forecast
    months: int
    discount: float

    def said(self, of: Customers) -> dict[str, dict[UUID, Said]]:
        """Return what is said of each customer, by output."""
        ids: list[Any] = of.ids
        alive = self.forecast.alive(of)
        told = {
            "purchases": np.round(self.forecast.purchases(self.months * MONTH, of), 3),
            "value": np.round(self.forecast.value(self.months, self.discount, of), 2),
            "alive": np.round(alive, 4),
        }
        found: dict[str, dict[UUID, Said]] = {
            output: dict(zip(ids, values.tolist(), strict=True)) for output, values in told.items()
        }
        found["churn"] = {
            one: IS_GONE if chance < GONE else IS_HERE
            for one, chance in zip(ids, alive.tolist(), strict=True)
        }
        return found

    def text(self) -> str:
        """Return what `restored` reads."""
        own = {"method": "lifetime", "months": self.months, "discount": self.discount}
        return json.dumps(own | self.forecast.document())


def train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    """Fit on two thirds of the time, hold it against the rest, and keep what foretells.

    Raises:
        ModelRefused: too few came back, or the forecast did not come true; it is in the report.
    """
    runs.at_stage(run, "reading")
    progress(0, 4, "Reading purchases")
    rows = purchases.day_sums(spec, now=now)
    until = purchases.today(spec, now)
    of = customers_at(rows, until=until)
    run.rows, run.positives = len(of), int((of.x > 0).sum())
    runs.at_stage(run, "judging")
    progress(1, 4, "Holding a forecast against what came")
    first = min((row[1] for row in rows), default=until)
    tested = back_test(rows, first=first, last=until)
    if tested is None:
        raise ModelRefused(_too_little(of, until - first))
    run.report = {"kind": "lifetime", "back_test": tested.document()}
    if tested.problems:
        raise ModelRefused(" ".join(["It does not foretell.", *tested.problems]))
    runs.at_stage(run, "fitting")
    progress(2, 4, "Fitting on all the time")
    forecast = fitted(of)
    if forecast is None:
        raise ModelRefused(_too_little(of, until - first))
    model = Valued(forecast, *_horizon(spec))
    _keep(spec, run, now, model, of, tested, rows)
    progress(4, 4, "Done")


def score(spec: ModelSpec, version: ModelVersion, now: datetime, progress: Progress) -> int:
    """Tell of the customers who bought since, or were last told of a day ago; return how many.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    model = restored(version)
    until = purchases.today(spec, now)
    ids = purchases.due(spec, version, now=now, output="alive")
    for start in range(0, len(ids), BATCH):
        progress(start, len(ids), "customers valued")
        batch = ids[start : start + BATCH]
        of = customers_at(purchases.day_sums(spec, now=now, profile_ids=batch), until=until)
        said: dict[str, dict[UUID, Said]] = {output: dict.fromkeys(batch) for output in OUTPUTS}
        for output, values in model.said(of).items():
            said[output].update(values)
        write(spec, version, said, now)
    progress(len(ids), len(ids), "customers valued")
    logger.info("predictions.valued", extra={"spec": spec.pk, "profiles": len(ids)})
    return len(ids)


def restored(version: ModelVersion) -> Valued:
    """Return the stored forecast of a version.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    try:
        found = json.loads(artifacts.load(version))
        return Valued(Forecast.of(found), found["months"], found["discount"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactBroken(f"The file of {version} holds no forecast: {error}") from error


def _horizon(spec: ModelSpec) -> tuple[int, float]:
    months = int(spec.settings.get("months") or MONTHS)
    return max(1, months), float(spec.settings.get("discount", DISCOUNT))


def _too_little(of: Customers, days: int) -> str:
    return (
        f"Too little to foretell with: {int((of.x > 0).sum())} of {len(of)} customers came back"
        f" within {days} days. {MIN_REPEATERS} have to come back in the first two thirds of the"
        " time, and the last third has to be a month at least."
    )


def _keep(
    spec: ModelSpec,
    run: TrainingRun,
    now: datetime,
    model: Valued,
    of: Customers,
    tested: BackTest,
    rows: Sequence[DaySum],
) -> None:
    alive = model.forecast.alive(of)
    value = model.forecast.value(model.months, model.discount, of)
    card: dict[str, Any] = {
        "kind": "lifetime",
        "customers": len(of),
        "repeaters": int((of.x > 0).sum()),
        "months": model.months,
        "discount": model.discount,
        "back_test": tested.document(),
        "here": int((alive >= GONE).sum()),
        "value": round(float(value.sum()), 2),
        "warnings": _warnings(model.forecast),
        **model.forecast.document(),
    }
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=now,
        method="lifetime",
        feature_names=["x", "t_x", "age", "value"],
        calibration={},
        lineage=_lineage(spec),
        card=card,
        gates=_gates(tested),
        data_sha256=digest_of(rows),
    )
    version.artifact_sha256 = artifacts.store(version.pk, model.text())
    version.signature = artifacts.sign(version)
    runs.keep(version)
    run.version = version
    runs.finish(
        run,
        TrainingRun.State.READY,
        f"Version {version.number} is ready: of the last {tested.days} days it foresaw"
        f" {tested.foreseen:,.0f} purchases, and {tested.came:,.0f} came.",
    )


def _warnings(forecast: Forecast) -> list[str]:
    if abs(forecast.correlation) <= INDEPENDENT:
        return []
    more = "more" if forecast.correlation > 0 else "less"
    return [
        f"Who buys often spends {more} each time (correlation {forecast.correlation:.2f}). The"
        " model takes the two for independent, so the value of frequent customers is off."
    ]


def _gates(tested: BackTest) -> list[list[Any]]:
    return [
        [
            "foretells",
            True,
            f"Of the last {tested.days} days it foresaw {tested.foreseen:,.0f} purchases, and"
            f" {tested.came:,.0f} came.",
        ],
        [
            "beats_rules",
            True,
            f"It is off by {tested.mae:.2f} purchases a customer; that everybody buys as before is"
            f" off by {tested.mae_before:.2f}.",
        ],
    ]


def _lineage(spec: ModelSpec) -> dict[str, Any]:
    return {
        "question": {
            "kind": spec.kind,
            "target_event": spec.target_event,
            "window_days": spec.window_days,
            "settings": spec.settings,
        },
        "software": {
            "python": platform.python_version(),
            "scipy": scipy.__version__,
            "numpy": np.__version__,
        },
    }


def digest_of(rows: Sequence[DaySum]) -> str:
    """Return the SHA-256 of what was learned from, in hex."""
    digest = hashlib.sha256()
    for customer, day, bought, refunded in rows:
        digest.update(f"{customer},{day},{bought!r},{refunded!r}\n".encode())
    return digest.hexdigest()
