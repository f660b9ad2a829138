"""What the events table keeps about a profile: how it moves, is shown and is forgotten."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from apps.profiles.holders import Division, PersonalDataHolder

_PAGE = 1_000
_EXPORT = """
SELECT e.id, jsonb_build_object('kind', e.kind, 'name', e.name, 'occurredAt', e.occurred_at,
    'receivedAt', e.received_at, 'messageId', e.message_id, 'properties', e.properties,
    'context', e.context, 'identities', (
      SELECT coalesce(jsonb_object_agg(i.kind, i.value), '{}') FROM profiles_identity i
      WHERE i.id IN (e.identity_id, e.user_identity_id)))
FROM events_event e WHERE e.profile_id = %s AND e.id > %s ORDER BY e.id LIMIT %s
"""


def _reassign(old: UUID, new: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET profile_id = %s WHERE profile_id = %s", [str(new), str(old)]
        )
        return int(cursor.rowcount)


def _export(profile_id: UUID) -> Iterator[Any]:
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_EXPORT, [str(profile_id), after, _PAGE])
            rows = cursor.fetchall()
        for _, event in rows:
            yield json.loads(event)  # the driver hands jsonb over as text
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _erase(profile_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE profile_id = %s", [str(profile_id)])
        return int(cursor.rowcount)


_DIVIDE = """
UPDATE events_event SET profile_id = %s
WHERE profile_id = %s AND coalesce(user_identity_id, identity_id) = ANY(%s)
"""
_NEWEST = "SELECT message_id FROM events_event WHERE profile_id = %s ORDER BY id DESC LIMIT 1"


def _divide(division: Division) -> int:
    """Give the events of the loser's identities back, those that came since the merge too."""
    winner, loser = division.winner, division.loser
    ids = sorted(division.identity_ids)
    with connection.cursor() as cursor:
        cursor.execute(_DIVIDE, [str(loser.profile_id), str(winner.profile_id), ids])
        moved = int(cursor.rowcount)
        for row in (winner, loser):
            cursor.execute(_NEWEST, [str(row.profile_id)])
            found = cursor.fetchone()
            row.last_message_id = found[0] if found else ""
    return moved


HOLDER = PersonalDataHolder(
    name="events",
    tables=("events_event",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
)
