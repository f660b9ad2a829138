"""Stays of somebody who has taken targeting back: out of every segment at once, and forgotten."""

from typing import Any

from django.db import connection

from apps.consent.types import Purpose
from apps.consent.withdrawing import AGAIN, Clearing, TakenBack
from apps.work import clock

_BOTH = (Purpose.PERSONALIZATION, Purpose.TARGETING)
# Nobody did anything just then, so triggers are quiet.
_TOLD = """
INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)
SELECT s.site_id, %(at)s, 'membership.left', o.profile_id,
  jsonb_build_object('segment', s.key, 'number', s.number, 'quiet', true)
FROM gone o JOIN segments_segment s ON s.id = o.segment_id
WHERE o.was_open AND NOT s.is_hidden
"""
_DELETE = f"""
WITH gone AS (
  DELETE FROM segments_membership WHERE profile_id = %(profile)s
  RETURNING profile_id, segment_id, left_at IS NULL AS was_open
) {_TOLD}
"""
_CLOSE = f"""
WITH gone AS (
  UPDATE segments_membership SET left_at = greatest(since, %(at)s)
  WHERE profile_id = %(profile)s AND left_at IS NULL
  RETURNING profile_id, segment_id, true AS was_open
) {_TOLD}
"""
# What the feed said of stays. Its numbers stay whole. That somebody is out now is left to be read
# for a while: who follows the members has to hear of it.
_FORGET = """
UPDATE work_changefeed SET profile_id = NULL, payload = '{}'
WHERE profile_id = %(profile)s AND (at < %(at)s OR %(is_read)s AND at = %(at)s)
  AND kind IN ('membership.entered', 'membership.left')
"""


def _leave(taken: TakenBack) -> None:
    if taken.has(*_BOTH):
        with connection.cursor() as cursor:
            cursor.execute(_CLOSE if taken.is_suspended else _DELETE, _about(taken))


def _forget(taken: TakenBack) -> int:
    if not taken.has(*_BOTH):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM segments_membership WHERE profile_id = %(profile)s AND since <= %(at)s",
            _about(taken),
        )
        count = cursor.rowcount
        is_read = clock.now() >= taken.until + AGAIN
        cursor.execute(_FORGET, {**_about(taken), "is_read": is_read})
        return int(count + cursor.rowcount)


def _about(taken: TakenBack) -> dict[str, Any]:
    return {"profile": str(taken.profile_id), "at": taken.until}


CLEARING = Clearing("segments", at_once=_leave, later=_forget)
