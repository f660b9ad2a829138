"""What people have done, as rows for models that look at everybody and foresee nothing.

Features as of a moment (`features`), and beside them how engagement has gone over eight weeks.
Only workers import this module (numpy).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows
from apps.consent.vouching import sql_vouched
from apps.events.fold import KINDS
from apps.predictions import features
from apps.predictions.domain import trajectories
from apps.predictions.domain.feature_names import feature_of
from apps.predictions.domain.grouping import MOST_PEOPLE
from apps.predictions.models import ModelSpec
from apps.predictions.writing import willing
from apps.profiles.state import uuid_array
from apps.work.types import Progress

Matrix = NDArray[np.float64]

BATCH: Final = 5_000

_SAMPLE: Final = """
SELECT s.profile_id FROM profiles_profilestate s
WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND {willing}
  AND s.last_seen_at > %(active_since)s
ORDER BY md5(s.profile_id::text || %(seed)s) LIMIT %(most)s
"""
_WEEKS: Final = """
SELECT e.profile_id,
  floor(extract(epoch FROM %(as_of)s::timestamptz - e.occurred_at) / 604800)::int, count(*)
FROM events_event e
WHERE {allowed} AND e.profile_id = ANY(%(profiles)s::uuid[])
  AND e.occurred_at > %(as_of)s - %(weeks)s AND e.occurred_at <= %(as_of)s
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """People and what they did: x is float64 (ids, names), NaN where there is nothing."""

    ids: list[UUID]
    names: list[str]
    x: Matrix


def words_of(names: Sequence[str]) -> dict[str, str]:
    """Return what each column measures, in words.

    Raises:
        UnknownFeature: nothing computes one of them.
    """
    return {name: trajectories.NAMES.get(name) or feature_of(name).words for name in names}


def fills_of(names: Sequence[str], window_days: int) -> list[float]:
    """Return what stands for nothing, by column: of ages the whole window, of all else 0."""
    return [window_days * 24.0 if name.endswith("_h") else 0.0 for name in names]


def sample(spec: ModelSpec, *, now: datetime, most: int = MOST_PEOPLE) -> list[UUID]:
    """Return visitors who are active and allow it, at most so many, the same for the same seed."""
    statement = _SAMPLE.format(willing=willing(spec, sql_vouched("%(site)s::uuid")))
    asked: dict[str, Any] = {
        "site": str(spec.site_id),
        "now": now,
        "active_since": now - timedelta(days=spec.active_days),
        "seed": str(spec.seed),
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return sorted(profile_id for (profile_id,) in cursor.fetchall())


def crowd(
    spec: ModelSpec, names: Sequence[str], ids: Sequence[UUID], *, as_of: datetime, tell: Progress
) -> Crowd:
    """Return what these people had done by a moment; who was not active then is left out."""
    found: list[UUID] = []
    parts: list[Matrix] = []
    for start in range(0, len(ids), BATCH):
        tell(start, len(ids), "Looking at what visitors did")
        known, x = read(spec, names, ids[start : start + BATCH], as_of=as_of)
        found += known
        parts.append(x)
    rows = np.concatenate(parts) if parts else np.empty((0, len(names)))
    return Crowd(found, list(names), rows)


def read(
    spec: ModelSpec, names: Sequence[str], ids: Sequence[UUID], *, as_of: datetime
) -> tuple[list[UUID], Matrix]:
    """Return those of the people who were active, and their columns, in the order of `names`."""
    plain = [name for name in names if name not in trajectories.NAMES]
    known, x = features.rows_of(spec, plain, ids, as_of=as_of)
    if len(plain) == len(names):
        return known, x
    trends = trajectories.trajectories(_weeks(spec, known, as_of))
    at = {name: x[:, place] for place, name in enumerate(plain)}
    at |= {name: trends[:, place] for place, name in enumerate(trajectories.NAMES)}
    return known, np.column_stack([at[name] for name in names])


def _weeks(spec: ModelSpec, ids: Sequence[UUID], as_of: datetime) -> Matrix:
    """Events by week, the oldest first: float64 (ids, WEEKS)."""
    allowed = (
        f"e.site_id = %(site)s AND e.kind <> {int(KINDS['exposure'])}"
        f" AND {event_allows('e', purpose_of(spec.purpose))}"
    )
    asked: dict[str, Any] = {
        "site": str(spec.site_id),
        "as_of": as_of,
        "weeks": timedelta(weeks=trajectories.WEEKS),
        "profiles": uuid_array(ids),
    }
    found = np.zeros((len(ids), trajectories.WEEKS))
    place = {profile_id: row for row, profile_id in enumerate(ids)}
    with connection.cursor() as cursor:
        cursor.execute(_WEEKS.format(allowed=allowed), asked)
        for profile_id, back, count in cursor.fetchall():
            found[place[profile_id], trajectories.WEEKS - 1 - back] = count
    return found
