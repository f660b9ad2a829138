"""Features as of a moment: what was known of a profile then, in one statement per batch.

Only events at or before `as_of` count, and only those that allow what the model is for. Who does
not allow it now is neither learned from nor scored. Exposures are left out: they are what we did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows, sql_stands
from apps.consent.vouching import sql_vouched
from apps.events.fold import KINDS
from apps.predictions.domain.feature_names import PLAIN, features_of
from apps.predictions.models import ModelSpec
from apps.profiles.state import uuid_array

MAX_ROWS_A_MOMENT = 20_000  # a sample of visitors, so that memory and time stay bounded
CHUNK = 5_000
NAMED_EVENTS = 8
NAMED_CATEGORIES = 8

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moment:
    """Visitors looked at from one past instant.

    Attributes:
        as_of: the instant; nothing later is in `x`.
        x: float64 (rows, features), NaN where there is nothing to measure.
        y: float64 (rows,), 1 where the target event came within the horizon.
    """

    as_of: datetime
    x: Matrix
    y: Matrix


# {allowed} is asked of each event's stamp, {willing} of each person now: what the model is for.
_SEEN = """
SELECT e.profile_id, %(as_of)s::timestamptz AS as_of FROM events_event e
WHERE {allowed} AND e.occurred_at > %(as_of)s - %(active)s AND e.occurred_at <= %(as_of)s
  AND e.profile_id IN (
    SELECT s.profile_id FROM profiles_profilestate s WHERE s.site_id = %(site)s AND {willing})
GROUP BY e.profile_id ORDER BY md5(e.profile_id::text || %(seed)s) LIMIT %(most)s
"""
_GIVEN = """
SELECT g.profile_id, %(as_of)s::timestamptz AS as_of, g.place
FROM unnest(%(profiles)s::uuid[]) WITH ORDINALITY AS g(profile_id, place)
WHERE EXISTS (SELECT FROM events_event e WHERE {allowed} AND e.profile_id = g.profile_id
  AND e.occurred_at > %(as_of)s - %(active)s AND e.occurred_at <= %(as_of)s)
"""

_FEATURES = """
WITH p AS MATERIALIZED ({pairs})
SELECT {label}, f.* FROM p CROSS JOIN LATERAL (
  SELECT {columns} FROM (
    SELECT e.name, e.category, e.item, e.value, e.identity_id AS device, e.occurred_at,
      e.occurred_at - lag(e.occurred_at) OVER (
        PARTITION BY e.identity_id ORDER BY e.occurred_at) AS gap
    FROM events_event e WHERE {allowed} AND e.profile_id = p.profile_id
      AND e.occurred_at > p.as_of - %(window)s AND e.occurred_at <= p.as_of
  ) e
) f ORDER BY p.profile_id
"""
_LABEL = """
EXISTS (SELECT FROM events_event e WHERE {allowed} AND e.profile_id = p.profile_id
  AND e.name = %(target)s AND e.occurred_at > p.as_of AND e.occurred_at <= p.as_of + %(horizon)s)
"""

_NAMES = """
SELECT e.name FROM events_event e
WHERE {allowed} AND e.occurred_at > %(as_of)s - %(window)s AND e.occurred_at <= %(as_of)s
GROUP BY e.name ORDER BY count(*) DESC, e.name COLLATE "C" LIMIT %(named_events)s
"""
_CATEGORIES = """
SELECT e.category FROM events_event e
WHERE {allowed} AND e.occurred_at > %(as_of)s - %(window)s AND e.occurred_at <= %(as_of)s
  AND e.category IS NOT NULL
GROUP BY e.category ORDER BY count(*) DESC, e.category COLLATE "C" LIMIT %(named_categories)s
"""


def names_for(spec: ModelSpec, *, as_of: datetime) -> list[str]:
    """Return the spec's feature names, or choose them from what the site sent until `as_of`."""
    if spec.feature_names:
        return list(spec.feature_names)
    parameters = _parameters(spec, as_of)
    allowed = _conditions(spec)["allowed"]
    with connection.cursor() as cursor:
        cursor.execute(_NAMES.format(allowed=allowed), parameters)
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute(_CATEGORIES.format(allowed=allowed), parameters)
        categories = [category for (category,) in cursor.fetchall()]
    return [
        *PLAIN,
        *(f"count:{name}" for name in names),
        *(f"since_h:{name}" for name in names),
        *(f"category:{category}" for category in categories),
    ]


def moment(spec: ModelSpec, names: Sequence[str], *, as_of: datetime) -> Moment:
    """Return the visitors active at `as_of`, with what was known then and what came after.

    Beyond MAX_ROWS_A_MOMENT a sample, the same for the same seed. One statement.
    """
    rows = _read(spec, _SEEN, _LABEL, names, _parameters(spec, as_of))
    return Moment(as_of, rows[:, 1:], rows[:, 0])


def rows_of(
    spec: ModelSpec, names: Sequence[str], profile_ids: Sequence[UUID], *, as_of: datetime
) -> tuple[list[UUID], Matrix]:
    """Return those of the profiles that were active, and their features: float64 (those, features).

    Who is active is decided as for training: by an event that allows what the model is for.
    """
    parameters = _parameters(spec, as_of) | {"profiles": uuid_array(profile_ids)}
    rows = _read(spec, _GIVEN, "p.place", names, parameters)
    return [profile_ids[int(place) - 1] for place in rows[:, 0]], rows[:, 1:]


def _parameters(spec: ModelSpec, as_of: datetime) -> dict[str, Any]:
    return {
        "site": str(spec.site_id),
        "as_of": as_of,
        "named_events": NAMED_EVENTS,
        "named_categories": NAMED_CATEGORIES,
        "target": spec.target_event,
        "horizon": timedelta(hours=spec.horizon_hours),
        "window": timedelta(days=spec.window_days),
        "active": timedelta(days=spec.active_days),
        "seed": str(spec.seed),
        "most": MAX_ROWS_A_MOMENT,
    }


def _conditions(spec: ModelSpec) -> dict[str, str]:
    """What is asked of events and of people, for what the model is declared to be for."""
    purpose = purpose_of(spec.purpose)
    of_others = f"e.site_id = %(site)s AND e.kind <> {int(KINDS['exposure'])}"
    return {
        "allowed": f"{of_others} AND {event_allows('e', purpose)}",
        "willing": sql_stands("s", purpose, vouched=sql_vouched("%(site)s::uuid"), now="now()"),
    }


def _read(
    spec: ModelSpec, pairs: str, label: str, names: Sequence[str], parameters: dict[str, Any]
) -> Matrix:
    """Run the statement: float64 (rows, 1 + features), the label first."""
    features = features_of(names)
    columns = ", ".join(
        f"({feature.sql})::float8 AS c{number}" for number, feature in enumerate(features)
    )
    asked = _conditions(spec)
    statement = _FEATURES.format(
        pairs=pairs.format(**asked),
        label=label.format(**asked),
        columns=columns,
        allowed=asked["allowed"],
    )
    for feature in features:
        parameters = parameters | feature.params
    chunks = list(_chunks(statement, parameters))
    return np.concatenate(chunks) if chunks else np.empty((0, 1 + len(features)))


def _chunks(statement: str, parameters: dict[str, Any]) -> Iterator[Matrix]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(CHUNK):
            # None becomes NaN, which the trees take as "not known".
            yield np.array(rows, dtype=np.float64)
