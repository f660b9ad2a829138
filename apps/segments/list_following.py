"""Lists brought to people who have become known since an upload, or whose identities have moved.

What is looked at grows with what has come in since the last look, not with the lists.
"""

import itertools
import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.segments.list_applying import apply, batches
from apps.segments.list_names import IS_EMAIL, names
from apps.segments.models import ListsFollowed, SegmentList

logger = logging.getLogger(__name__)

# No transaction that makes an identity or a trait lasts longer: then its ids are all to be seen.
SETTLED: Final = timedelta(minutes=2)

_GREATEST = """
SELECT (SELECT coalesce(max(id), 0) FROM profiles_identity),
  (SELECT coalesce(max(id), 0) FROM profiles_identitylink),
  (SELECT coalesce(max(id), 0) FROM profiles_traitchange),
  (SELECT coalesce(max(id), 0) FROM profiles_mergerecord),
  (SELECT coalesce(max(id), 0) FROM profiles_keptapart)
"""
# Whoever got an identity, was seen to use one, said their address, was joined with somebody, or
# parted: an address that named them may not be theirs any more. And whoever has an entry that has
# moved with a merge or a split. Of these, with each list that names them, or has named them.
_BEHIND = f"""
WITH came AS MATERIALIZED (
  SELECT profile_id FROM profiles_identity WHERE id > %(identity)s
  UNION SELECT profile_id FROM profiles_identitylink WHERE id > %(link)s
  UNION SELECT profile_id FROM profiles_traitchange
    WHERE id > %(trait)s AND {IS_EMAIL}
  UNION SELECT winner_id FROM profiles_mergerecord WHERE id > %(merge)s
  UNION SELECT unnest(ARRAY[one_id, other_id]) FROM profiles_keptapart WHERE id > %(apart)s
), named AS (
  SELECT m.segment_list_id, m.profile_id AS before_id, i.profile_id
  FROM ({names("profile_id = ANY(ARRAY(SELECT profile_id FROM came))")}) AS i
  JOIN segments_segmentlist l ON l.site_id = i.site_id
  JOIN segments_listmember m
    ON m.segment_list_id = l.id AND m.kind = i.kind AND m.value = i.value
  UNION ALL
  SELECT m.segment_list_id, m.profile_id, i.profile_id FROM segments_listmember m
  JOIN segments_segmentlist l ON l.id = m.segment_list_id
  LEFT JOIN profiles_identity i
    ON i.site_id = l.site_id AND i.kind = m.kind AND i.value = m.value
  WHERE NOT m.is_applied AND m.profile_id IS NOT NULL
)
SELECT segment_list_id, profile_id FROM named WHERE profile_id IS NOT NULL
UNION SELECT segment_list_id, before_id FROM named WHERE before_id IS NOT NULL
UNION SELECT l.id, c.profile_id FROM came c JOIN profiles_profile p ON p.id = c.profile_id
  JOIN segments_segmentlist l ON l.site_id = p.site_id
  JOIN profiles_trait t ON t.profile_id = c.profile_id AND t.key = 'list.' || l.key
ORDER BY 1, 2
"""
_START: Final = {"identity": 0, "link": 0, "trait": 0, "merge": 0, "apart": 0}


def follow(*, now: datetime) -> int:
    """Apply lists where something has come in that they may name; return how many changed."""
    lists = SegmentList.objects.in_bulk()
    if not lists:
        return 0
    known = ListsFollowed.objects.first()
    seen = _START if known is None else _START | known.seen
    with connection.cursor() as cursor:
        # Read first: what comes in meanwhile is looked at the next time.
        cursor.execute(_GREATEST)
        greatest = dict(zip(_START, cursor.fetchone(), strict=True))
        cursor.execute(_BEHIND, seen)
        behind: list[tuple[UUID, UUID]] = cursor.fetchall()
    changed = 0
    for list_id, pairs in itertools.groupby(behind, key=lambda pair: pair[0]):
        for _, batch in batches([profile_id for _, profile_id in pairs]):
            changed += apply(lists[list_id], batch, now=now)
    _move_on(known, greatest, now)
    if changed:
        logger.info("segments.lists_followed", extra={"changed": changed})
    return changed


@transaction.atomic
def _move_on(known: ListsFollowed | None, greatest: dict[str, int], now: datetime) -> None:
    if known is None:
        ListsFollowed.objects.create(seen=_START, coming=greatest, coming_at=now)
    elif now - known.coming_at >= SETTLED:
        known.seen, known.coming, known.coming_at = known.coming, greatest, now
        known.save()
