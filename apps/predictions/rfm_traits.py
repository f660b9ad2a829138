"""Recency, frequency and value of customers, as traits: scores of one to five, and a name for them.

The bounds between scores are frozen with a version: a customer's score does not move because others
came. `score.<key>` is the name, `score.<key>.r`, `.f` and `.m` the scores.
Only workers import this module (numpy).
"""

import json
import logging
import platform
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.predictions import artifacts, purchases, runs
from apps.predictions.domain.purchasing import Customers, customers_at
from apps.predictions.errors import ArtifactBroken, ModelRefused
from apps.predictions.lifetimes import digest_of
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.predictions.writing import Said, write
from apps.work.ids import uuid7
from apps.work.types import Progress

logger = logging.getLogger(__name__)

Vector = NDArray[np.float64]

BINS: Final = 5
LEAST_CUSTOMERS: Final = 50
BATCH: Final = 5_000
OUTPUTS: Final = ("", "r", "f", "m")
# (name, recency from to, frequency from to): together they take every combination, each once.
NAMES: Final = (
    ("Champions", (4, 5), (4, 5)),
    ("Loyal", (2, 3), (4, 5)),
    ("Promising", (4, 5), (2, 3)),
    ("New", (4, 5), (1, 1)),
    ("Needs attention", (2, 3), (2, 3)),
    ("About to sleep", (2, 3), (1, 1)),
    ("Cannot lose", (1, 1), (4, 5)),
    ("At risk", (1, 1), (2, 3)),
    ("Lost", (1, 1), (1, 1)),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where scores begin, from 2 to five: days since the last purchase, days with one, money."""

    days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]

    def scores(self, of: Customers) -> tuple[Vector, Vector, Vector]:
        """Return (recency, frequency, value) of each, 1 to 5; five is best."""
        return (
            BINS - np.searchsorted(np.asarray(self.days), of.recency, side="left").astype(float),
            1 + np.searchsorted(np.asarray(self.frequency), of.x + 1, side="left").astype(float),
            1 + np.searchsorted(np.asarray(self.monetary), of.spent, side="left").astype(float),
        )

    def said(self, of: Customers) -> dict[str, dict[UUID, Said]]:
        """Return what is said of each customer, by output."""
        ids: list[Any] = of.ids
        recency, frequency, monetary = (one.tolist() for one in self.scores(of))
        names = [name_of(r, f) for r, f in zip(recency, frequency, strict=True)]
        told = {"": names, "r": recency, "f": frequency, "m": monetary}
        return {output: dict(zip(ids, values, strict=True)) for output, values in told.items()}


def bounds_of(of: Customers) -> Bounds:
    """Return the quintiles of customers: equal numbers of them in each score, as far as ties let.

    Recency is best where it is lowest, so its bounds fall from the greatest age still of a score.
    """
    shares = np.arange(1, BINS) / BINS
    return Bounds(
        tuple(map(float, np.quantile(of.recency, shares))),
        tuple(map(float, np.quantile(of.x + 1, shares))),
        tuple(map(float, np.quantile(of.spent, shares))),
    )


def name_of(recency: float, frequency: float) -> str:
    """Return what a combination of scores is called."""
    return next(
        name
        for name, (r_low, r_high), (f_low, f_high) in NAMES
        if r_low <= recency <= r_high and f_low <= frequency <= f_high
    )


def train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    """Find where scores begin among the customers of now.

    Raises:
        ModelRefused: too few customers.
    """
    runs.at_stage(run, "reading")
    progress(0, 2, "Reading purchases")
    rows = purchases.day_sums(spec, now=now)
    of = customers_at(rows, until=purchases.today(spec, now))
    run.rows, run.positives = len(of), int((of.x > 0).sum())
    if len(of) < LEAST_CUSTOMERS:
        raise ModelRefused(
            f"Too few customers: {len(of)} bought in the last {spec.window_days} days and allow it,"
            f" and {LEAST_CUSTOMERS} are needed."
        )
    version = _version(spec, bounds_of(of), of, now)
    version.data_sha256 = digest_of(rows)
    version.signature = artifacts.sign(version)
    runs.keep(version)
    run.version = version
    progress(2, 2, "Done")
    runs.finish(
        run,
        TrainingRun.State.READY,
        f"Version {version.number} is ready: scores of {len(of):,} customers.",
    )


def _version(spec: ModelSpec, bounds: Bounds, of: Customers, now: datetime) -> ModelVersion:
    """A version with its file, not signed yet."""
    names = list(bounds.said(of)[""].values())
    begins = {
        "days": list(bounds.days),
        "frequency": list(bounds.frequency),
        "monetary": list(bounds.monetary),
    }
    version = ModelVersion(
        pk=uuid7(),
        spec=spec,
        trained_at=now,
        method="rfm",
        feature_names=["recency", "frequency", "monetary"],
        calibration={},
        lineage={
            "question": {
                "kind": spec.kind,
                "target_event": spec.target_event,
                "window_days": spec.window_days,
                "settings": spec.settings,
            },
            "software": {"python": platform.python_version(), "numpy": np.__version__},
        },
        card={
            "kind": "rfm",
            "customers": len(of),
            "names": [[name, names.count(name)] for name, _, _ in NAMES],
            **begins,
        },
    )
    text = json.dumps({"method": "rfm", **begins})
    version.artifact_sha256 = artifacts.store(version.pk, text)
    return version


def restored(version: ModelVersion) -> Bounds:
    """Return the stored bounds of a version.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    try:
        found = json.loads(artifacts.load(version))
        return Bounds(*(tuple(found[name]) for name in ("days", "frequency", "monetary")))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactBroken(f"The file of {version} holds no bounds: {error}") from error


def score(spec: ModelSpec, version: ModelVersion, now: datetime, progress: Progress) -> int:
    """Tell of the customers who bought since, or were last told of a day ago; return how many.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    bounds = restored(version)
    until = purchases.today(spec, now)
    ids = purchases.due(spec, version, now=now, output="r")
    for start in range(0, len(ids), BATCH):
        progress(start, len(ids), "customers scored")
        batch = ids[start : start + BATCH]
        of = customers_at(purchases.day_sums(spec, now=now, profile_ids=batch), until=until)
        said: dict[str, dict[UUID, Said]] = {output: dict.fromkeys(batch) for output in OUTPUTS}
        for output, values in bounds.said(of).items():
            said[output].update(values)
        write(spec, version, said, now)
    progress(len(ids), len(ids), "customers scored")
    logger.info("predictions.rfm", extra={"spec": spec.pk, "profiles": len(ids)})
    return len(ids)
