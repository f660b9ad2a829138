"""Groups of visitors who behave alike: looked for, named, and kept the same through refreshes.

Nothing is foreseen here. What is found waits for a yes like every model; then everybody's group is
written as the trait `score.<key>`: the group's key, which stays for as long as it is the same
people's. Where visitors differ gradually, that is the answer, with all that was tried.
Only workers import this module (numpy, scikit-learn).
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import permutations
from typing import Final, get_args
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.predictions import behaviour, features, runs, scoring
from apps.predictions.domain import assigning, trajectories
from apps.predictions.domain.grouping import KS, METHODS, Method, search, silent
from apps.predictions.errors import ModelRefused
from apps.predictions.group_versions import Found, keep, restored, told
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.predictions.writing import Said, write
from apps.work.types import Progress

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float64]

LEAST_PEOPLE: Final = 100
STEPPED: Final = 3  # categories between which steps are counted
# Of what visitors did not do, the age is no number; traits are for conditions.
_NOT_BEHAVIOUR: Final = ("since_h:", "trait:", "last_category:", "session_", "in_session", "hour_")


def train(spec: ModelSpec, run: TrainingRun, now: datetime, progress: Progress) -> None:
    """Look for groups and keep them as a version that waits for a yes.

    Raises:
        ModelRefused: too few people, or no clear structure; what was tried is in the run's report.
    """
    runs.at_stage(run, "reading")
    names = _names(spec, now)
    found = behaviour.crowd(spec, names, behaviour.sample(spec, now=now), as_of=now, tell=progress)
    run.rows = len(found.ids)
    if len(found.ids) < LEAST_PEOPLE:
        raise ModelRefused(
            f"Too few visitors: {len(found.ids)} were active in the last {spec.active_days} days"
            f" and allow it, and {LEAST_PEOPLE} are needed."
        )
    scaling = assigning.scaling_of(found.x, behaviour.fills_of(names, spec.window_days))
    if scaling is None:
        raise ModelRefused("Visitors do not differ in anything that is measured of them.")
    runs.at_stage(run, "searching")
    rows = scaling.scaled(found.x)
    methods, ks = _asked(spec, len(rows))
    grouping = search(rows, ks, methods, seed=spec.seed, progress=progress)
    run.report = {"kind": "groups", "people": len(rows), "tried": told(grouping)}
    if grouping.best is None or grouping.labels is None:
        raise ModelRefused(
            f"{grouping.reason} {len(grouping.tried)} ways of grouping {len(rows):,} visitors were"
            " tried; none holds."
        )
    runs.at_stage(run, "describing")
    keep(Found(spec, found, rows, scaling, grouping), run, now)


def refresh(spec_id: UUID, *, now: datetime, progress: Progress = silent) -> ModelVersion | None:
    """Look for groups anew in this process; None where there is no clear structure."""
    from apps.predictions import training

    return training.train(spec_id=spec_id, now=now, progress=progress).version


def labels_of(version: ModelVersion, x: Matrix) -> list[str | None]:
    """Return the key of each row's group, None for who is in none.

    Args:
        x: float64 (rows, version.feature_names), raw.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    return restored(version).labels(x)


def score(spec: ModelSpec, version: ModelVersion, now: datetime, progress: Progress) -> int:
    """Say of whoever has changed since which group they are in; return how many were looked at.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    model = restored(version)
    ids = scoring.due(spec, version, now)
    for start in range(0, len(ids), behaviour.BATCH):
        progress(start, len(ids), "visitors put into groups")
        batch = ids[start : start + behaviour.BATCH]
        known, x = behaviour.read(spec, version.feature_names, batch, as_of=now)
        rows = Score.objects.filter(spec=spec, output="", profile_id__in=known)
        had: dict[UUID, str] = dict(rows.values_list("profile_id", "label"))
        said: dict[UUID, Said] = dict.fromkeys(batch)
        labels = model.labels(x, [had.get(profile_id) for profile_id in known])
        said.update(zip(known, labels, strict=True))
        write(spec, version, {"": said}, now)
    progress(len(ids), len(ids), "visitors put into groups")
    logger.info("predictions.grouped", extra={"spec": spec.pk, "profiles": len(ids)})
    return len(ids)


def _names(spec: ModelSpec, now: datetime) -> list[str]:
    """What people are compared by: what they did, and how it has gone."""
    names = features.names_for(spec, as_of=now)
    if not spec.feature_names:
        names = [name for name in names if not name.startswith(_NOT_BEHAVIOUR)]
        names += [name for name in _steps(names) if name not in names]
    if spec.settings.get("trajectories", True):
        names += [name for name in trajectories.NAMES if name not in names]
    return names


def _steps(names: Sequence[str]) -> list[str]:
    """Steps between the most frequent categories: in which order people look at things."""
    categories = [name.partition(":")[2] for name in names if name.startswith("category:")]
    return [f"gram:{one}>{other}" for one, other in permutations(categories[:STEPPED], 2)]


def _asked(spec: ModelSpec, people: int) -> tuple[list[Method], list[int]]:
    wanted = spec.settings.get("methods") or METHODS
    methods = [method for method in get_args(Method) if method in wanted] or list(METHODS)
    low, high = spec.settings.get("ks") or KS
    low = max(2, int(low))
    return methods, list(range(low, max(low, min(int(high), people // 10)) + 1))
