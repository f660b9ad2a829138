"""Statements over what people met, as far as they allow what a recommender is for. Light."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.consent.declared import purpose_of
from apps.consent.gates import event_allows, sql_stands
from apps.consent.vouching import sql_vouched
from apps.profiles.kept_out import sql_teaches
from apps.recommendations.models import Recommender

# {allowed} is asked of each event's stamp, {willing} of each person now: what it is for.
VIEWS = """
FROM events_event e WHERE site_id = %(site)s AND name = ANY(%(names)s) AND item IS NOT NULL
  AND occurred_at > %(since)s AND occurred_at <= %(until)s AND {allowed}
  AND profile_id IN (SELECT s.profile_id FROM profiles_profilestate s
    WHERE s.site_id = %(site)s AND {willing})
"""
_MET_BY_ONE = f"""
SELECT item FROM (SELECT item, max(occurred_at) AS at {VIEWS} AND profile_id = %(profile)s
GROUP BY item) met ORDER BY at DESC, item LIMIT %(most)s
"""

# The same of those whom models learn from: see `apps.profiles.kept_out`.
TAUGHT = f"{VIEWS} AND {{teaches}}"


def weights_of(recommender: Recommender) -> dict[str, float]:
    """Return how much each event tells: those of the recommender, and its own event 1 at least."""
    weights = {str(name): float(weight) for name, weight in recommender.weights.items()}
    weights.setdefault(recommender.event_name, 1.0)
    return {name: weight for name, weight in weights.items() if weight > 0}


def parameters_of(recommender: Recommender, now: datetime) -> dict[str, Any]:
    """Return what the statements are asked with."""
    return {
        "site": str(recommender.site_id),
        "names": list(weights_of(recommender)),
        "since": now - timedelta(days=recommender.window_days),
        "until": now,
        "now": now,
    }


def of(statement: str, recommender: Recommender) -> str:
    """Return a statement over the events that allow what a recommender is for."""
    purpose = purpose_of(recommender.purpose)
    vouched = sql_vouched("%(site)s::uuid")
    return statement.format(
        allowed=event_allows("e", purpose),
        teaches=sql_teaches("e.profile_id"),
        willing=sql_stands("s", purpose, vouched=vouched, now="%(now)s::timestamptz"),
    )


def met_by(recommender: Recommender, profile_id: UUID, most: int, now: datetime) -> Sequence[str]:
    """Return the items that one person met last, the newest first; none where they refuse."""
    given = parameters_of(recommender, now) | {"profile": str(profile_id), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(of(_MET_BY_ONE, recommender), given)
        return [item for (item,) in cursor.fetchall()]
