"""Versions of groups: described, named after those of before, and stored.

Only workers import this module (numpy, scikit-learn).
"""

import hashlib
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import sklearn
from django.db import transaction
from numpy.typing import NDArray

from apps.predictions import artifacts, behaviour, runs
from apps.predictions.domain import assigning, mapping, naming, trajectories
from apps.predictions.domain.clustering import NOISE
from apps.predictions.domain.feature_names import feature_of
from apps.predictions.domain.grouping import Grouping, Tried, renamed_after
from apps.predictions.domain.surrogates import surrogate_of
from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import Group, ModelSpec, ModelVersion, TrainingRun
from apps.work.ids import uuid7

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]

AGREES: Final = 0.9  # of the people whom the search put somewhere, who are put there again
ROUND: Final = frozenset({"kmeans", "minibatch"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to: the people, how they were compared, and their groups."""

    spec: ModelSpec
    crowd: behaviour.Crowd
    rows: Matrix
    scaling: assigning.Scaling
    grouping: Grouping

    @property
    def best(self) -> Tried:
        """The way of grouping that is clear."""
        assert self.grouping.best is not None, "there is structure"
        return self.grouping.best

    @property
    def labels(self) -> Labels:
        """The number of each person's group."""
        assert self.grouping.labels is not None, "there is structure"
        return self.grouping.labels


def restored(version: ModelVersion) -> assigning.Assigning:
    """Return the stored groups of a version.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    try:
        return assigning.restored(artifacts.load(version))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactBroken(f"The file of {version} holds no groups: {error}") from error


def told(grouping: Grouping) -> list[dict[str, Any]]:
    """All that was tried, as it is stored."""
    return [_tried(one) for one in grouping.tried]


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "method": one.method,
        "k": one.k,
        "groups": one.found_k,
        "inertia": _short(one.found.inertia),
        "silhouette": _short(one.found.silhouette),
        "calinski_harabasz": _short(one.found.calinski_harabasz),
        "davies_bouldin": _short(one.found.davies_bouldin),
        "bic": _short(one.bic),
        "reference": _short(one.reference),
        "gap": None if one.gap is None else [_short(value) for value in one.gap],
        "noise": _short(one.noise),
        "valley": _short(one.valley),
        "stability": _short(min(one.stability, default=0.0)),
        "is_clear": one.is_clear,
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def keep(found: Found, run: TrainingRun, now: datetime) -> None:
    """Store the version with its groups, and end the run."""
    crowd, labels = found.crowd, found.labels
    keys = _keys(found.spec, crowd.ids, labels, _before(found.spec, crowd, now))
    drawn = assigning.circles(
        found.rows, labels, is_round=found.best.method in ROUND, seed=found.spec.seed
    )
    circles = tuple(
        assigning.Circle(keys[place], one.centers, one.reach) for place, one in enumerate(drawn)
    )
    model = assigning.Assigning(tuple(crowd.names), found.scaling, circles)
    own = model.labels(crowd.x)
    put = np.flatnonzero(labels != NOISE)
    agreement = float(np.mean([keys[labels[row]] == own[row] for row in put]))
    version = ModelVersion(
        pk=uuid7(),
        spec=found.spec,
        trained_at=now,
        method="groups",
        feature_names=crowd.names,
        calibration={},
        lineage=_lineage(found.spec),
        card=_card(found, own, keys, agreement),
        gates=_gates(found.best, agreement),
        data_sha256=_digest(crowd),
    )
    version.artifact_sha256 = artifacts.store(version.pk, model.text())
    version.signature = artifacts.sign(version)
    with transaction.atomic():
        runs.keep(version)
        Group.objects.bulk_create(_groups(version, found, own, circles))
    run.version = version
    runs.finish(
        run,
        TrainingRun.State.READY,
        f"Version {version.number} is ready: {len(keys)} groups, found by {found.best.method}.",
    )


def _before(spec: ModelSpec, crowd: behaviour.Crowd, now: datetime) -> dict[str, str]:
    """The group that each of these people had been in, by what serves, else by the newest."""
    versions = spec.versions.filter(deleted_at=None).exclude(state=ModelVersion.State.REFUSED)
    earlier = versions.filter(state=ModelVersion.State.CHAMPION).first()
    earlier = earlier or versions.order_by("-number").first()
    if earlier is None:
        return {}
    try:
        model = restored(earlier)
    except ArtifactBroken:
        logger.warning("predictions.groups_without_ancestors", extra={"version": earlier.pk})
        return {}
    ids, x = crowd.ids, crowd.x
    if list(earlier.feature_names) != crowd.names:
        ids, x = behaviour.read(spec, earlier.feature_names, crowd.ids, as_of=now)
    labels = model.labels(x)
    return {str(one): key for one, key in zip(ids, labels, strict=True) if key is not None}


def _keys(
    spec: ModelSpec, ids: Sequence[UUID], labels: Labels, before: Mapping[str, str]
) -> list[str]:
    """The key of each group, by its number: that of before where it is the same people's."""
    now = {str(one): int(label) for one, label in zip(ids, labels, strict=True)}
    renamed = renamed_after(before, now)
    used = Group.objects.filter(version__spec=spec).values_list("key", flat=True).distinct()
    newest = max((int(key.rpartition("-")[2]) for key in used), default=0)
    keys = []
    for number in range(int(labels.max()) + 1):
        key = renamed.get(number)
        if key is None:
            newest += 1
            key = f"group-{newest}"
        keys.append(key)
    return keys


def _groups(
    version: ModelVersion,
    found: Found,
    own: Sequence[str | None],
    circles: Sequence[assigning.Circle],
) -> list[Group]:
    crowd = found.crowd
    words = behaviour.words_of(crowd.names)
    rows = Group.objects.filter(version__spec=found.spec).order_by("version__number")
    earlier = {group.key: group for group in rows}
    mine = np.asarray([key or "" for key in own])
    made: list[Group] = []
    for number, circle in enumerate(circles):
        members = mine == circle.key
        different = naming.differences(crowd.x, members, crowd.names, words)
        known = earlier.get(circle.key)
        taken = [group.name for group in made]
        made.append(
            Group(
                version=version,
                key=circle.key,
                # Editors know it by this name: it stays, and its words say what is so today.
                name=known.name if known else naming.name_of(different, number + 1, taken),
                size=int(members.sum()),
                center=[list(one) for one in circle.centers],
                words=[one.document() for one in different],
                surrogate=_surrogate(found.spec, crowd, members),
                stability=_short(found.best.stability[number]),
                segment_key=known.segment_key if known else "",
            )
        )
    return made


def _surrogate(
    spec: ModelSpec, crowd: behaviour.Crowd, members: "NDArray[np.bool_]"
) -> dict[str, Any]:
    """The rule that comes nearest to a group, of features that a condition can ask for."""
    asked = [
        place
        for place, name in enumerate(crowd.names)
        if name not in trajectories.NAMES and feature_of(name).condition is not None
    ]
    if not asked or not 0 < members.sum() < len(members):
        return {}
    names = [crowd.names[place] for place in asked]
    fills = np.asarray(behaviour.fills_of(names, spec.window_days))
    x = crowd.x[:, asked]
    x = np.where(np.isfinite(x), x, fills)
    rule = surrogate_of(x, members, names, spec.seed)
    return {
        "boxes": [[[one.feature, one.low, one.high] for one in box] for box in rule.boxes],
        "precision": _short(rule.precision),
        "recall": _short(rule.recall),
        "fidelity": _short(rule.fidelity),
    }


def _card(
    found: Found, own: Sequence[str | None], keys: Sequence[str], agreement: float
) -> dict[str, Any]:
    side, cells = mapping.cells(found.rows, found.labels, found.spec.seed)
    return {
        "kind": "groups",
        "people": len(found.rows),
        "best": _tried(found.best),
        "tried": told(found.grouping),
        "nobody": sum(key is None for key in own),
        "agreement": _short(agreement),
        "map": {
            "side": side,
            "cells": [
                [column, row, keys[number] if number != NOISE else "", people]
                for column, row, number, people in cells
            ],
        },
    }


def _gates(best: Tried, agreement: float) -> list[list[Any]]:
    silhouette, stability = best.found.silhouette or 0.0, min(best.stability)
    return [
        [
            "clear",
            True,
            f"The groups are clearer (silhouette {silhouette:.2f}) than what chance makes of people"
            f" without groups ({max(best.reference, 0.0):.2f} at most).",
        ],
        [
            "stable",
            True,
            f"Each was there again in samples of the visitors (overlap {stability:.2f} at least).",
        ],
        [
            "assigned",
            agreement >= AGREES,
            f"{agreement:.0%} of the people are put where the search had put them; {AGREES:.0%}"
            " are needed.",
        ],
    ]


def _lineage(spec: ModelSpec) -> dict[str, Any]:
    return {
        "question": {
            "kind": spec.kind,
            "active_days": spec.active_days,
            "window_days": spec.window_days,
            "settings": spec.settings,
        },
        "seed": spec.seed,
        "software": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }


def _digest(crowd: behaviour.Crowd) -> str:
    digest = hashlib.sha256("\n".join(crowd.names).encode())
    for profile_id in crowd.ids:
        digest.update(profile_id.bytes)
    digest.update(np.ascontiguousarray(crowd.x).tobytes())
    return digest.hexdigest()
