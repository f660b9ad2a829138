"""Traits that events carry beside their own, in their context: what must not stay there, goes."""

from collections.abc import Callable, Collection
from uuid import UUID

from django.db import connection

from apps.profiles.state import uuid_array

_NAMES = """
SELECT DISTINCT k.name
FROM events_event e, LATERAL jsonb_object_keys(e.context->'traits') AS k(name)
WHERE e.profile_id = ANY(%s::uuid[]) AND jsonb_typeof(e.context->'traits') = 'object'
"""
_DROP = """
UPDATE events_event SET context = jsonb_set(context, '{traits}', (context->'traits') - %s::text[])
WHERE profile_id = ANY(%s::uuid[]) AND jsonb_typeof(context->'traits') = 'object'
  AND context->'traits' ?| %s::text[]
"""


def drop_clear(profile_ids: Collection[UUID], is_encrypted: Callable[[str], bool]) -> int:
    """Take traits that are kept encrypted out of the contexts of these people's events.

    As the fold does with what comes in. One statement, another where there are any; events changed.
    """
    ids = uuid_array(profile_ids)
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [ids])
        names = sorted(name for (name,) in cursor.fetchall() if is_encrypted(name))
        if not names:
            return 0
        cursor.execute(_DROP, [names, ids, names])
        return int(cursor.rowcount)
