"""Events of before somebody took a purpose back: they lose it; what is left of none, goes."""

from typing import Any

from django.db import connection

from apps.consent.types import Purpose
from apps.consent.withdrawing import SLACK, Clearing, TakenBack, sql_is_for_nothing, sql_without

# On (profile_id, occurred_at), in all partitions. Triggers mark what was counted by day.
_STRIP = """
UPDATE events_event e SET purposes = {left}, context = {context}
WHERE e.profile_id = %(profile)s AND e.consent_epoch < %(epoch)s AND e.received_at <= %(until)s
  AND (e.purposes <> {left} OR e.context <> {context})
"""
_DROP = f"""
DELETE FROM events_event e
WHERE e.profile_id = %(profile)s AND e.consent_epoch < %(epoch)s AND e.received_at <= %(until)s
  AND {sql_is_for_nothing("e.purposes")}
"""
# No version is raised: no copy of a state row has these.
_RECOUNT = """
UPDATE profiles_profilestate s SET event_count = e.number, first_seen_at = e.first,
  last_seen_at = e.last
FROM (SELECT count(*) AS number, min(occurred_at) AS first, max(occurred_at) AS last
  FROM events_event WHERE profile_id = %(profile)s) e
WHERE s.profile_id = %(profile)s
"""


def _strip(taken: TakenBack) -> int:
    context = "e.context"
    if taken.has(Purpose.PERSONALIZATION):
        context = f"({context} - 'traits')"
    if taken.has(Purpose.ADVERTISING):
        context = f"({context} #- '{{device,advertisingId}}')"
    statement = _STRIP.format(left=sql_without("e.purposes", taken), context=context)
    about: dict[str, Any] = {
        "profile": str(taken.profile_id),
        "epoch": taken.epoch,
        "until": taken.until + SLACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, about)
        count = cursor.rowcount
        cursor.execute(_DROP, about)
        if cursor.rowcount:
            count += cursor.rowcount
            cursor.execute(_RECOUNT, about)
        return int(count)


CLEARING = Clearing("events", later=_strip)
