"""Entries of uploaded lists for people who have just got the identity that an entry names."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from apps.profiles.identities import Name
from apps.work import clock

# An upload that is under way holds its entries, and applies them itself when it is done: nobody
# waits for it here. An entry says to whom it was applied, so that it can be taken back exactly.
_ENLIST = """
WITH w AS (
  SELECT l.id AS list_id, l.key, r.kind, r.value, r.profile_id
  FROM jsonb_to_recordset(%s::jsonb) AS r(site_id uuid, kind text, value text, profile_id uuid)
  JOIN segments_segmentlist l ON l.site_id = r.site_id
), free AS (
  SELECT m.id, w.key, w.profile_id FROM segments_listmember m
  JOIN w ON m.segment_list_id = w.list_id AND m.kind = w.kind AND m.value = w.value
  WHERE m.removed_by_id IS NULL
  FOR UPDATE OF m SKIP LOCKED
), told AS (
  UPDATE segments_listmember m SET is_applied = true, profile_id = free.profile_id
  FROM free WHERE m.id = free.id
  RETURNING free.profile_id, free.key, m.expires_at
)
SELECT profile_id, key, bool_or(expires_at IS NULL), max(expires_at) FROM told GROUP BY 1, 2
"""


def enlist(attached: Mapping[Name, UUID]) -> dict[UUID, dict[str, int | bool]]:
    """Apply the entries that name identities to the profiles that these lead to now.

    One statement. The caller holds the state rows of the profiles and writes the traits.

    Args:
        attached: identities that were unknown, and their profiles.

    Returns the traits of each profile that has some: `list.<key>` -> True, or the instant in ms at
    which the last of these entries expires.
    """
    rows = [
        {"site_id": str(site_id), "kind": kind, "value": value, "profile_id": str(profile_id)}
        for (site_id, kind, value), profile_id in attached.items()
    ]
    found: dict[UUID, dict[str, int | bool]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ENLIST, [json.dumps(rows)])
        for profile_id, key, lasts, expires_at in cursor.fetchall():
            own = found.setdefault(profile_id, {})
            own[f"list.{key}"] = True if lasts else clock.to_ms(expires_at)
    return found
