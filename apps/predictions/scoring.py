"""People scored: those of whom something has changed, in batches, by what serves.

Features of a batch are read without a lock and answered together; `writing` then asks each person
again, under their lock, whether they allow it. Only workers import this module (numpy, LightGBM).
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection

from apps.consent.declared import problem_of
from apps.consent.vouching import sql_vouched
from apps.predictions import features, kinds
from apps.predictions.estimators import Matrix, Vector
from apps.predictions.fitted import Fitted, restored
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.predictions.types import in_force
from apps.predictions.writing import Said, take_back, trait_of, willing, write
from apps.work.types import Progress

__all__ = ["due", "score", "score_people", "write"]

logger = logging.getLogger(__name__)

BATCH: Final = 10_000  # people whose features are in memory at once
STALE_AFTER: Final = timedelta(days=1)  # time alone changes features too
DIGITS: Final = 4
THREADS: Final = min(2, os.cpu_count() or 1)
LEAST_A_THREAD: Final = 1_000  # rows

_CHANGED = """
SELECT s.profile_id FROM profiles_profilestate s
LEFT JOIN predictions_score p
  ON p.profile_id = s.profile_id AND p.spec_id = %(spec)s AND p.output = %(output)s
WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND {willing}
  AND s.last_seen_at > %(active_since)s
  AND (p.id IS NULL OR p.version_id <> %(version)s OR s.last_seen_at > p.as_of
    OR p.as_of < %(stale)s)
ORDER BY s.profile_id
"""
_OUTDATED = """
SELECT DISTINCT p.profile_id FROM predictions_score p
LEFT JOIN profiles_profilestate s ON s.profile_id = p.profile_id
WHERE p.spec_id = %(spec)s AND (%(version)s::uuid IS NULL OR s.merged_into IS NOT NULL
  OR s.profile_id IS NULL OR NOT {willing} OR s.last_seen_at <= %(active_since)s)
ORDER BY p.profile_id
"""


def silent(done: int, total: int, note: str = "") -> None:
    """Nobody watches."""


def score(*, spec_id: UUID, now: datetime, progress: Progress = silent) -> int:
    """Bring a model's scores up to date; return how many profiles were looked at.

    Scores of visitors who are inactive, or do not allow what the model is for, are taken back; all
    of them when the model is disabled, says not what it is for, or has no champion. Safe to run
    twice.

    Raises:
        ArtifactBroken: the champion's file is missing or is not what was stored.
    """
    spec = ModelSpec.objects.get(pk=spec_id)
    version = None
    if spec.is_enabled and problem_of(spec.purpose) is None:
        version = spec.versions.filter(state=ModelVersion.State.CHAMPION).first()
    done = 0
    ids = _ids(_OUTDATED, spec, version, now)
    for batch in _batches(ids):
        take_back(spec, batch, now)
        done += len(batch)
        progress(done, len(ids), "scores taken back")
    if version is not None:
        done += kinds.kind_of(spec).score(spec, version, now, progress)
    return done


def score_people(spec: ModelSpec, version: ModelVersion, now: datetime, progress: Progress) -> int:
    """Score whoever has changed since, or was last scored too long ago; return how many.

    Raises:
        ArtifactBroken: the version's file is missing or is not what was stored.
    """
    model = restored(version)
    ids = _ids(_CHANGED, spec, version, now, output=min(model.parts))
    done = 0
    for batch in _batches(ids):
        known, x = features.rows_of(spec, version.feature_names, batch, as_of=now)
        write(spec, version, _said(model, batch, known, x, spec.threshold), now)
        done += len(batch)
        progress(done, len(ids), "profiles scored")
    _drop_others(spec, model, now)
    logger.info("predictions.scored", extra={"spec": spec.pk, "profiles": done})
    return done


def due(spec: ModelSpec, version: ModelVersion, now: datetime, *, output: str = "") -> list[UUID]:
    """Return whoever has changed since, or was last told too long ago, by one output."""
    return _ids(_CHANGED, spec, version, now, output=output)


def _said(
    model: Fitted, batch: Sequence[UUID], known: Sequence[UUID], x: Matrix, threshold: float
) -> dict[str, dict[UUID, Said]]:
    """What the model says of a batch; of who was not active it says nothing."""
    said: dict[str, dict[UUID, Said]] = {name: dict.fromkeys(batch) for name in _outputs(model)}
    if not known:
        return said
    found = foreseen(model, x)
    for output, values in found.items():
        said[output].update(zip(known, values.round(DIGITS).tolist(), strict=True))
    if "" not in found:
        said[""].update(zip(known, likeliest(found, threshold), strict=True))
    return said


def foreseen(model: Fitted, x: Matrix) -> dict[str, Vector]:
    """Return the model's outputs for rows, worked out by as many threads as there are processors.

    Threads of our own, each with a part: LightGBM lets go of Python meanwhile, and its own threads
    would spin where another process wants the processor. Every row is answered by itself, so the
    answers are the same.
    """
    parts = np.array_split(x, min(THREADS, max(1, len(x) // LEAST_A_THREAD)))
    if len(parts) == 1:
        return model.outputs(x)
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(model.outputs, parts))
    return {output: np.concatenate([one[output] for one in found]) for output in found[0]}


def _outputs(model: Fitted) -> set[str]:
    """What is written of each person; beside several outputs, which of them is the likeliest."""
    return {"", *model.parts}


def likeliest(found: Mapping[str, Vector], threshold: float) -> list[str | None]:
    """Return the output that is likeliest for each row; None where not even that is likely enough.

    Of two that are as likely the first in the order of their names, so that it stays the same.
    """
    names = sorted(found)
    rows = np.stack([found[name] for name in names], axis=1)
    best, highest = rows.argmax(axis=1).tolist(), rows.max(axis=1).tolist()
    return [
        names[place] if value >= threshold else None
        for place, value in zip(best, highest, strict=True)
    ]


def _drop_others(spec: ModelSpec, model: Fitted, now: datetime) -> None:
    """Take back the outputs that the model no longer has."""
    others = Score.objects.filter(spec=spec).exclude(output__in=_outputs(model))
    gone: dict[str, dict[UUID, Said]] = {}
    for profile_id, output in others.values_list("profile_id", "output"):
        gone.setdefault(output, {})[profile_id] = None
    if gone:
        write(spec, None, gone, now)


def _ids(
    statement: str,
    spec: ModelSpec,
    version: ModelVersion | None,
    now: datetime,
    *,
    output: str = "",
) -> list[UUID]:
    """The people of a query. Sorted, so that batches lock rows in the order of everyone."""
    parameters: dict[str, Any] = {
        "spec": str(spec.pk),
        "site": str(spec.site_id),
        "version": None if version is None else str(version.pk),
        "output": output,
        "active_since": now - timedelta(days=spec.active_days),
        "stale": now - _stale_after(spec),
        "now": now,
    }
    allowed = willing(spec, sql_vouched("%(site)s::uuid"))
    with connection.cursor() as cursor:
        cursor.execute(statement.format(willing=allowed), parameters)
        return [profile_id for (profile_id,) in cursor.fetchall()]


def _stale_after(spec: ModelSpec) -> timedelta:
    """From what age on a score is worked out anew though nothing was heard of the visitor.

    A quarter of the shortest age that something live lets it have: it is told again at a half.
    """
    own = trait_of(spec)
    ages = [
        read.max_age_ms
        for trait, read in in_force(spec.site_id).items()
        if read.max_age_ms and (trait == own or trait.startswith(f"{own}."))
    ]
    return min([STALE_AFTER, *(timedelta(milliseconds=age) / 4 for age in ages)])


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
