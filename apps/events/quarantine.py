"""Refused events, kept with the reason until somebody repairs, replays or discards them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.events.domain.evidence import EVIDENCE
from apps.events.domain.minimise import reduce_context, without_queries
from apps.events.domain.reading import Frame, merged_under, readable_id
from apps.events.types import Accepted, HasSource
from apps.profiles.holders import Subject
from apps.profiles.state import uuid_array
from apps.work.ids import uuid7

MAX_BODY = (
    65_536  # characters; a longer event cannot be repaired anyway, its beginning says whose it is
)
MAX_DETAIL = 300
_NEVER_HELD = ("writeKey", "userHash", "userToken")

_INSERT = """
INSERT INTO events_quarantine
    (id, site_id, source_id, received_at, code, detail, message_id, body, state, subjects)
SELECT w.id, %s, %s, %s, w.code, w.detail, w.message_id, w.body, 'waiting', w.subjects
FROM jsonb_to_recordset(%s::jsonb)
    AS w(id uuid, code text, detail text, message_id text, body text, subjects uuid[])
"""

# Whose a body is that cannot be read: perhaps anybody's who is named in it.
UNREADABLE = UUID(int=0)
_NAMED = (
    ("anonymousId", "anonymous_id"),
    ("userId", "user_id"),
    ("previousId", "anonymous_id"),
    ("previousId", "user_id"),
)
_FORGET = """
DELETE FROM events_quarantine WHERE site_id = %(site)s AND subjects && %(own)s::uuid[]
"""
_FORGET_UNREADABLE = """
DELETE FROM events_quarantine q WHERE site_id = %(site)s AND subjects && %(unreadable)s::uuid[]
  AND EXISTS (SELECT FROM unnest(%(values)s::text[]) v WHERE strpos(q.body, v) > 0)
"""
_SHARED = """
DELETE FROM events_quarantine WHERE site_id = %(site)s AND subjects && %(digest)s::uuid[]
  AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
"""
_COUNT = """
SELECT count(*) FROM events_quarantine WHERE site_id = %s AND subjects && %s::uuid[]
"""
_LEAST_VALUE = 6  # characters: a shorter one stands in a text by chance


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused event. `body` None: it may not be kept, only that it came."""

    code: str
    detail: str
    message_id: str
    body: bytes | None


def hold(owner: HasSource, refused: Sequence[Refused], *, received_at: datetime) -> None:
    """Put refused events into quarantine. One statement."""
    if not refused:
        return
    rows = [
        {
            "id": str(uuid7()),
            "code": event.code,
            "detail": event.detail[:MAX_DETAIL],
            "message_id": _storable(event.message_id)[:100],
            "body": "" if event.body is None else _text_of(event.body),
            "subjects": [str(one) for one in subjects_of(owner.site_id, event.body)],
        }
        for event in refused
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT, [str(owner.site_id), str(owner.source_id), received_at, json.dumps(rows)]
        )


def digest_of(site_id: UUID, kind: str, value: str) -> UUID:
    """Return what stands for an identity beside a body."""
    said = f"{site_id.hex}:{kind}:{value}".encode("utf-8", "surrogatepass")
    return UUID(bytes=blake2b(said, digest_size=16).digest())


def subjects_of(site_id: UUID, body: bytes | str | None) -> list[UUID]:
    """Return the digests of the identities that a body names; UNREADABLE for one without an end."""
    if not body:
        return []
    try:
        item = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [UNREADABLE]
    if type(item) is not dict:
        return [UNREADABLE]
    found = {
        digest_of(site_id, kind, str(item[name]))
        for name, kind in _NAMED
        if isinstance(item.get(name), str | int)
    }
    return sorted(found) or [UNREADABLE]


def forget(subject: Subject) -> int:
    """Delete the refused events of a person; return how many. By index, but for unreadable ones."""
    own = [digest_of(subject.site_id, kind, value) for kind, value in subject.names]
    site = str(subject.site_id)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"site": site, "own": uuid_array(own)})
        count: int = cursor.rowcount
        values = [value for _, value in subject.names if len(value) >= _LEAST_VALUE]
        cursor.execute(
            _FORGET_UNREADABLE,
            {"site": site, "unreadable": uuid_array([UNREADABLE]), "values": values},
        )
        count += cursor.rowcount
        for kind, value, since, until in subject.shared:
            digest = uuid_array([digest_of(subject.site_id, kind, value)])
            cursor.execute(
                _SHARED, {"site": site, "digest": digest, "since": since, "until": until}
            )
            count += cursor.rowcount
    return count


def count_of(site_id: UUID, names: Sequence[tuple[str, str]]) -> int:
    """Return how many refused events name one of these identities. One statement on an index."""
    own = [digest_of(site_id, kind, value) for kind, value in names]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [str(site_id), uuid_array(own)])
        return int(cursor.fetchone()[0])


def body_of_refused(
    raw: bytes, item: dict[str, Any] | None, frame: Frame, *, has_gpc: bool
) -> bytes:
    """Return what is held of an event that could not be read: as it came, able to stand alone.

    What its call said of it (type, sending time, context) is put in, what must not lie around is
    taken out: keys and proofs, a claimed user id without its proof, queries, the full user agent.
    """
    if item is None:
        return raw
    held = {key: value for key, value in item.items() if key not in _NEVER_HELD}
    if frame.type is not None:
        held["type"] = frame.type
    if held.get("sentAt") is None and frame.sent_ms is not None:
        held["sentAt"] = frame.sent_ms
    context = held.get("context")
    if context is None or type(context) is dict:
        context = merged_under(frame.context or {}, context or {})
        if frame.is_browser:
            context.pop("ip", None)
            context.pop(EVIDENCE, None)
        reduce_context(context)
        held["context"] = _with_signal(without_queries(context), has_gpc=has_gpc)
    held["properties"] = without_queries(held.get("properties"))
    if frame.prove is not None:
        user_id = readable_id(item, "userId")
        proof = item.get("userHash"), item.get("userToken")
        held["userId"] = frame.prove(user_id, *proof) if user_id is not None else None
    return _encoded(held)


def body_of_unplanned(event: Accepted, *, has_gpc: bool) -> bytes:
    """Return what is held of an event that its site's plan does not declare: as it was read."""
    return _encoded(
        {
            "type": event.type,
            "event": event.name,
            "messageId": event.message_id,
            "anonymousId": event.anonymous_id,
            "userId": event.user_id,
            # Corrected already, so the sender's clock plays no part when it is replayed.
            "timestamp": event.occurred_ms,
            "originalTimestamp": event.original_ms,
            "properties": event.properties,
            "context": _with_signal(event.context, has_gpc=has_gpc),
        }
    )


def _with_signal(context: dict[str, Any], *, has_gpc: bool) -> dict[str, Any]:
    """Write the request's `Sec-GPC: 1` into the event's own consent: a replay has no request."""
    if not has_gpc:
        return context
    signal = {"consent": {"categoryPreferences": {"advertising": False, "sale": False}}}
    return merged_under(context, signal)


def _encoded(held: dict[str, Any]) -> bytes:
    return msgspec.json.encode({key: value for key, value in held.items() if value is not None})


def _text_of(body: bytes) -> str:
    return _storable(body.decode("utf-8", errors="replace")[:MAX_BODY])


def _storable(text: str) -> str:
    """Postgres keeps no NUL and no surrogate; both become the sign for "unreadable"."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
