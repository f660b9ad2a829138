"""The open memberships held against what state rows say of them, once a day.

A refresh compares its verdicts with the words in the state row (`inside`), which are written with
the stays. Nothing that loses or adds a membership elsewhere is seen there: a restored table, a hand
at the database.
"""

import logging
from uuid import UUID

from django.db import connection

from apps.profiles.state import WORD_BITS

logger = logging.getLogger(__name__)

# Rows are locked in the order of everyone. One that was written meanwhile has another version, and
# is left alone: what it says is newer.
_CORRECT = f"""
WITH bits AS (
  SELECT m.profile_id, g.number / {WORD_BITS} AS word,
    bit_or(1::bigint << (g.number %% {WORD_BITS})) AS bits
  FROM segments_membership m JOIN segments_segment g ON g.id = m.segment_id
  WHERE m.left_at IS NULL AND g.site_id = %(site)s::uuid
  GROUP BY m.profile_id, g.number / {WORD_BITS}
), words AS (
  SELECT h.profile_id, array_agg(coalesce(b.bits, 0) ORDER BY w.word) AS words
  FROM (SELECT profile_id, max(word) AS last FROM bits GROUP BY profile_id) h
  CROSS JOIN LATERAL generate_series(0, h.last) w(word)
  LEFT JOIN bits b ON b.profile_id = h.profile_id AND b.word = w.word
  GROUP BY h.profile_id
), torn AS MATERIALIZED (
  SELECT s.profile_id, s.version, coalesce(w.words, '{{}}') AS words
  FROM profiles_profilestate s LEFT JOIN words w ON w.profile_id = s.profile_id
  WHERE s.site_id = %(site)s::uuid AND s.inside <> coalesce(w.words, '{{}}')
), held AS MATERIALIZED (
  SELECT s.profile_id, t.words FROM profiles_profilestate s
  JOIN torn t ON t.profile_id = s.profile_id AND t.version = s.version
  ORDER BY s.profile_id FOR UPDATE OF s
)
UPDATE profiles_profilestate s SET inside = h.words FROM held h WHERE s.profile_id = h.profile_id
"""


def audit_memberships(site_id: UUID) -> int:
    """Have the words of a site's state rows say what the open memberships say; return how many did
    not.

    What differs then from the verdicts, the next refresh finds.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CORRECT, {"site": str(site_id)})
        torn: int = cursor.rowcount
    if torn:
        logger.warning("segments.torn", extra={"site": site_id, "profiles": torn})
    return torn
