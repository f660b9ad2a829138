"""Records of the log found again by whom and when they decided for."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from apps.decisions.models import DecisionRecord

_FIND = """
SELECT DISTINCT ON (q.place) q.place, r.id
FROM unnest(%(people)s::uuid[], %(moments)s::bigint[]) WITH ORDINALITY
  AS q(profile_id, at_ms, place)
JOIN decisions_decisionrecord r ON r.profile_id = q.profile_id AND r.site_id = %(site)s
  AND r.at = to_timestamp(q.at_ms / 1000) + (q.at_ms %% 1000) * interval '1 millisecond'
  AND r.placements @> %(asked)s::jsonb
ORDER BY q.place, r.id
"""


def records_of(
    site_id: UUID, placement: str, decisions: Sequence[tuple[UUID, int]]
) -> list[DecisionRecord | None]:
    """Return the record of each (profile, milliseconds) in their order; None: there is none.

    There is none of who was not known yet when it was decided: of them nothing is kept by which
    they could be found. Two queries.
    """
    values: dict[str, Any] = {
        "site": str(site_id),
        "people": [str(profile_id) for profile_id, _ in decisions],
        "moments": [at_ms for _, at_ms in decisions],
        "asked": json.dumps([{"placement": placement}]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIND, values)
        ids = dict(cursor.fetchall())
    rows = DecisionRecord.objects.defer("seal").in_bulk(ids.values())
    return [
        rows.get(ids[place]) if place in ids else None for place in range(1, len(decisions) + 1)
    ]
