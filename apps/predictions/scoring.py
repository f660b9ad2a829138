"""Scores written as facts, for the profiles of which something has changed.

Features of a batch are read without a lock; then the state rows are locked, as every writer does,
and the score goes into the row as a trait and into its own table. A profile's due time is moved to
now, so that the consumer looks at once at the segments that read the score.

Only workers import this module (LightGBM).
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.consent.declared import problem_of, purpose_of
from apps.consent.gates import sql_stands, stands
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.vouching import sql_vouched, vouched_sites
from apps.predictions import features
from apps.predictions.models import ModelSpec, ModelVersion
from apps.predictions.training import restored, silent
from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow, changed_ms
from apps.work import clock
from apps.work.types import Progress

logger = logging.getLogger(__name__)

BATCH = 500  # profiles under lock at once
STALE_AFTER = timedelta(days=1)  # time alone changes features too
DIGITS = 4
SOURCE = "model"  # what conditions name as the source of such a trait

_CHANGED = """
SELECT s.profile_id FROM profiles_profilestate s
LEFT JOIN predictions_score p ON p.profile_id = s.profile_id AND p.spec_id = %(spec)s
WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND {willing}
  AND s.last_seen_at > %(active_since)s
  AND (p.id IS NULL OR p.version_id <> %(version)s OR s.last_seen_at > p.as_of
    OR p.as_of < %(stale)s)
ORDER BY s.profile_id
"""
_OUTDATED = """
SELECT p.profile_id FROM predictions_score p
LEFT JOIN profiles_profilestate s ON s.profile_id = p.profile_id
WHERE p.spec_id = %(spec)s AND (%(version)s::uuid IS NULL OR s.merged_into IS NOT NULL
  OR s.profile_id IS NULL OR NOT {willing} OR s.last_seen_at <= %(active_since)s)
ORDER BY p.profile_id
"""
_WRITE = """
INSERT INTO predictions_score (profile_id, spec_id, version_id, value, as_of)
SELECT r.profile_id, %s, %s, r.value, %s
FROM jsonb_to_recordset(%s::jsonb) AS r(profile_id uuid, value float8) ORDER BY r.profile_id
ON CONFLICT (profile_id, spec_id) DO UPDATE SET version_id = excluded.version_id,
  value = excluded.value, as_of = excluded.as_of
"""
_FORGET = "DELETE FROM predictions_score WHERE spec_id = %s AND profile_id = ANY(%s::uuid[])"


def score(*, spec_id: UUID, now: datetime, progress: Progress = silent) -> int:
    """Bring a spec's scores up to date; return how many profiles were looked at.

    Scores of visitors who are inactive, or do not allow what the model is for, are taken back; all
    of them when the spec is disabled, says not what it is for, or has no champion. Safe to run
    twice.

    Raises:
        ArtifactBroken: the champion's file is missing or is not what was stored.
    """
    spec = ModelSpec.objects.get(pk=spec_id)
    version = None
    if spec.is_enabled and problem_of(spec.purpose) is None:
        version = spec.versions.filter(state=ModelVersion.State.CHAMPION).first()
    parameters = {
        "spec": str(spec.pk),
        "site": str(spec.site_id),
        "version": None if version is None else str(version.pk),
        "active_since": now - timedelta(days=spec.active_days),
        "stale": now - STALE_AFTER,
    }
    done = 0
    willing = _willing(spec)
    for batch in _batches(_OUTDATED.format(willing=willing), parameters):
        _write(spec, version, dict.fromkeys(batch), now)
        done += len(batch)
        progress(done, 0, "scores taken back")
    if version is not None:
        done += _score(spec, version, parameters, now, progress)
    return done


def _score(
    spec: ModelSpec,
    version: ModelVersion,
    parameters: dict[str, Any],
    now: datetime,
    progress: Progress,
) -> int:
    model = restored(version)
    done = 0
    for batch in _batches(_CHANGED.format(willing=_willing(spec)), parameters):
        values: dict[UUID, float | None] = dict.fromkeys(batch)
        known, x = features.rows_of(spec, version.feature_names, batch, as_of=now)
        if known:
            found = model.probabilities(x).tolist()
            values |= {
                profile_id: round(value, DIGITS)
                for profile_id, value in zip(known, found, strict=True)
            }
        _write(spec, version, values, now)
        done += len(batch)
        progress(done, 0, "profiles scored")
    logger.info("predictions.scored", extra={"spec": spec.pk, "profiles": done})
    return done


def _willing(spec: ModelSpec) -> str:
    """The condition that what the model is for stands for a state row `s`."""
    if problem_of(spec.purpose) is not None:
        return "false"
    purpose = purpose_of(spec.purpose)
    return sql_stands("s", purpose, vouched=sql_vouched("%(site)s::uuid"), now="now()")


def _is_willing(spec: ModelSpec, row: StateRow, is_vouched: bool, now: datetime) -> bool:
    return problem_of(spec.purpose) is None and stands(
        row,
        purpose_of(spec.purpose),
        is_vouched=is_vouched,
        regime=STRICT_UNKNOWN,
        now_ms=clock.to_ms(now),
    )


def _batches(statement: str, parameters: dict[str, Any]) -> Iterator[list[UUID]]:
    """The ids of a query in batches. Sorted, so that batches lock rows in the order of everyone."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        ids = [profile_id for (profile_id,) in cursor.fetchall()]
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _write(
    spec: ModelSpec,
    version: ModelVersion | None,
    values: Mapping[UUID, float | None],
    now: datetime,
) -> None:
    """Write values as traits and scores under the row locks; None takes a score back."""
    with transaction.atomic():
        kept: list[dict[str, Any]] = []
        gone: list[UUID] = []
        changed: list[StateRow] = []
        rows = state.lock(values.keys())
        # Asked under the locks: a choice of meanwhile is seen.
        is_vouched = bool(vouched_sites([spec.site_id]))
        for row in rows:
            value = values[row.profile_id]
            # They may have been merged, or have said no, since the features were read.
            if row.merged_into is not None or not _is_willing(spec, row, is_vouched, now):
                value = None
            if _put(row, spec.trait, value, now):
                changed.append(row)
            if value is None:
                gone.append(row.profile_id)
            else:
                kept.append({"profile_id": str(row.profile_id), "value": value})
        state.save(changed)
        with connection.cursor() as cursor:
            if kept and version is not None:
                document = json.dumps(kept)
                cursor.execute(_WRITE, [str(spec.pk), str(version.pk), now, document])
            if gone:
                cursor.execute(_FORGET, [str(spec.pk), state.uuid_array(gone)])
        if changed:
            profiles.look_at([r.profile_id for r in changed if r.merged_into is None], now=now)
            _tell(changed)


def _put(row: StateRow, trait: str, value: float | None, now: datetime) -> bool:
    """Set or remove the trait; return whether that changed anything.

    The same value again is news too: conditions ask how old a score is.
    """
    before = row.traits.get(trait)
    if value is None:
        if before is None:
            return False
        del row.traits[trait]
        return True
    now_ms = clock.to_ms(now)
    since_ms = now_ms
    if before is not None and before[0] == value:
        since_ms = changed_ms(before) or before[1]
    row.traits[trait] = (value, now_ms, "", since_ms, SOURCE, None)
    return True


def _tell(changed: Sequence[StateRow]) -> None:
    rows = list(changed)
    states_changing.send(sender=None, rows=rows)
    transaction.on_commit(lambda: states_changed.send(sender=None, rows=rows))
