"""A batch in the inbox becomes two, so that an event that cannot be folded stops fewer others."""

import msgspec
from django.db import connection, transaction

_HALVE = """
INSERT INTO events_inbox (part, site_id, source_id, received_at, body)
SELECT i.part, i.site_id, i.source_id, i.received_at, half
FROM events_inbox i, unnest(%s::text[]) AS half WHERE i.id = %s RETURNING id
"""


class _Envelope(msgspec.Struct):
    """An inbox body whose events nobody looks into."""

    v: msgspec.Raw
    r: msgspec.Raw
    s: msgspec.Raw
    c: msgspec.Raw
    e: list[msgspec.Raw]


def halve(batch_id: int) -> list[int]:
    """Make two batches of one, in one transaction. Returns their numbers.

    None where it has one event, or where one does not end and the next begin: it stays as it is.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT body FROM events_inbox WHERE id = %s FOR UPDATE", [batch_id])
        found = cursor.fetchone()
        try:
            whole = msgspec.json.decode(found[0] if found else "", type=_Envelope)
        except (msgspec.MsgspecError, UnicodeError):
            return []
        middle = len(whole.e) // 2
        if not middle:
            return []
        halves = (whole.e[:middle], whole.e[middle:])
        bodies = [
            msgspec.json.encode(_Envelope(whole.v, whole.r, whole.s, whole.c, half)).decode()
            for half in halves
        ]
        cursor.execute(_HALVE, [bodies, batch_id])
        numbers = [number for (number,) in cursor.fetchall()]
        cursor.execute("DELETE FROM events_inbox WHERE id = %s", [batch_id])
    return numbers
