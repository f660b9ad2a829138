"""Weights of a scorecard fitted from conversions: what visitors did, and whether they converted.

What they did is taken as of a past moment, and the conversion from the time after it, so nothing
knows what came. Only people who allow models to learn count. Nothing here needs a heavy library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.consent.declared import MODEL_TRAINING, purpose_of
from apps.consent.gates import event_allows, sql_stands
from apps.consent.vouching import sql_vouched
from apps.events.fold import KINDS
from apps.predictions.domain.points import MOST, Seen, points_of
from apps.predictions.errors import ModelRefused

WINDOW: Final = timedelta(days=30)
HORIZON: Final = timedelta(days=7)
LEAST: Final = 20  # who converted, and who did not
LIMIT_S: Final = 5

_SEEN: Final = """
WITH named AS (
  SELECT name, 1 << (place - 1)::int AS bit
  FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
), did AS (
  SELECT e.profile_id, coalesce(bit_or(named.bit), 0) AS mask
  FROM events_event e LEFT JOIN named ON named.name = e.name
  WHERE {allowed} AND e.occurred_at > %(as_of)s - %(window)s AND e.occurred_at <= %(as_of)s
    AND e.profile_id IN (SELECT s.profile_id FROM profiles_profilestate s
      WHERE s.site_id = %(site)s AND s.merged_into IS NULL AND {willing})
  GROUP BY e.profile_id
), came AS (
  SELECT DISTINCT e.profile_id FROM events_event e
  WHERE {allowed} AND e.name = %(conversion)s
    AND e.occurred_at > %(as_of)s AND e.occurred_at <= %(as_of)s + %(horizon)s
)
SELECT did.mask, count(*), count(came.profile_id)
FROM did LEFT JOIN came ON came.profile_id = did.profile_id GROUP BY did.mask ORDER BY did.mask
"""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What one thing is worth.

    Attributes:
        points: ten double the odds of converting, all else equal.
        people, converted: who did it; others, others_converted: who did not.
    """

    name: str
    points: float
    people: int
    converted: int
    others: int
    others_converted: int


def fitted(
    site_id: UUID,
    names: Sequence[str],
    conversion: str,
    *,
    now: datetime,
    window: timedelta = WINDOW,
    horizon: timedelta = HORIZON,
) -> list[Fitted]:
    """Return what each event was worth, in the order given. One statement.

    Visitors are looked at one horizon ago: which of the events they had sent in the window before,
    and whether the conversion came within the horizon.

    Raises:
        ModelRefused: no event or too many, a conversion that is one of them, or too few people.
    """
    names = list(dict.fromkeys(name for name in names if name))
    if not 0 < len(names) <= MOST:
        raise ModelRefused(f"Name 1 to {MOST} events to fit points for.")
    if not conversion or conversion in names:
        raise ModelRefused("Name a conversion that is none of the events with points.")
    rows = _seen(site_id, names, conversion, now - horizon, window, horizon)
    people, converted = sum(row.people for row in rows), sum(row.converted for row in rows)
    if min(converted, people - converted) < LEAST:
        raise ModelRefused(
            f"Too little to fit with: '{conversion}' followed for {converted} of {people} visitors"
            f" within {horizon.days} days, and at least {LEAST} who did and who did not are needed."
        )
    found = points_of(rows, len(names))
    return [
        _told(name, points, rows, place)
        for place, (name, points) in enumerate(zip(names, found, strict=True))
    ]


def _seen(
    site_id: UUID,
    names: Sequence[str],
    conversion: str,
    as_of: datetime,
    window: timedelta,
    horizon: timedelta,
) -> list[Seen]:
    purpose = purpose_of(MODEL_TRAINING)
    statement = _SEEN.format(
        allowed=f"e.site_id = %(site)s AND e.kind <> {int(KINDS['exposure'])}"
        f" AND {event_allows('e', purpose)}",
        willing=sql_stands(
            "s", purpose, vouched=sql_vouched("%(site)s::uuid"), now="%(now)s::timestamptz"
        ),
    )
    asked: dict[str, Any] = {
        "site": str(site_id),
        "names": list(names),
        "conversion": conversion,
        "as_of": as_of,
        "window": window,
        "horizon": horizon,
        "now": as_of + horizon,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {LIMIT_S * 1000}")
        cursor.execute(statement, asked)
        found = cursor.fetchall()
        cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    return [
        Seen(tuple(bool(mask >> place & 1) for place in range(len(names))), people, converted)
        for mask, people, converted in found
    ]


def _told(name: str, points: float, rows: Sequence[Seen], place: int) -> Fitted:
    did = [row for row in rows if row.did[place]]
    others = [row for row in rows if not row.did[place]]
    return Fitted(
        name,
        points,
        sum(row.people for row in did),
        sum(row.converted for row in did),
        sum(row.people for row in others),
        sum(row.converted for row in others),
    )
