"""Into the inbox: one row a call, de-duplicated in the same statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

import msgspec
from django.db import connection

from apps.events.prepared import Prepared
from apps.events.types import INBOX_VERSION, Accepted, HasSource
from apps.events.wakeup import CHANNEL, bell
from apps.work.clock import to_ms

PARTS = 64

# The body is passed once. When every event is fresh, which is nearly always, it is stored as it is;
# else the fresh pieces are cut out of its bytes. The key is (digest, source), sorted so that two
# requests with the same events wait for each other instead of locking each other out.
_STORE_SQL = f"""
WITH w AS (
    SELECT digest, start, size, ord
    FROM unnest(%s::uuid[], %s::int[], %s::int[]) WITH ORDINALITY AS u(digest, start, size, ord)
), d AS (
    INSERT INTO events_dedupekey (source_id, digest, received_at)
    SELECT %s::uuid, digest, %s::timestamptz FROM w ORDER BY digest
    ON CONFLICT DO NOTHING RETURNING digest
), n AS (SELECT count(*)::int AS fresh FROM d),
b AS (SELECT %s::text AS body, %s::text AS head),
raw AS MATERIALIZED (SELECT convert_to(body, 'UTF8') AS bytes FROM b),
i AS (
    INSERT INTO events_inbox (part, site_id, source_id, received_at, body)
    SELECT %s, %s::uuid, %s::uuid, %s::timestamptz,
        CASE WHEN n.fresh = %s THEN b.body ELSE b.head || (
            SELECT string_agg(
                convert_from(substring(raw.bytes FROM w.start FOR w.size), 'UTF8'),
                ',' ORDER BY w.ord)
            FROM w JOIN d USING (digest), raw) || ']}}' END
    FROM n, b WHERE n.fresh > 0
)
SELECT fresh, CASE WHEN fresh > 0 AND %s THEN pg_notify('{CHANNEL}', '') END FROM n
"""  # nosec B608

_STORE = Prepared(
    "attune_store",
    _STORE_SQL,
    ("uuid[]", "int[]", "int[]", "uuid", "timestamptz", "text", "text")
    + ("smallint", "uuid", "uuid", "timestamptz", "int", "boolean"),
)

_CLAIM = """
INSERT INTO events_dedupekey (source_id, digest, received_at)
VALUES (%s::uuid, %s::uuid, %s::timestamptz) ON CONFLICT DO NOTHING
"""

_PUT = f"""
WITH i AS (INSERT INTO events_inbox (part, site_id, source_id, received_at, body)
           VALUES (%s, %s::uuid, %s::uuid, %s::timestamptz, %s))
SELECT pg_notify('{CHANNEL}', '')
"""  # nosec B608

_encode = msgspec.json.Encoder().encode


class Packed(NamedTuple):
    """An event as it will lie in the inbox, and what storing it needs to know."""

    digest: str
    body: bytes
    part: int
    occurred_ms: int


def digest_of(message_id: str) -> str:
    """Return the 128-bit digest of a message id, as 32 hex digits (a uuid to Postgres)."""
    return blake2b(message_id.encode(), digest_size=16).hexdigest()


def part_of(event: Accepted) -> int:
    """Return the inbox part of a call, by its first visitor: one visitor's calls share a part."""
    return crc32((event.anonymous_id or event.user_id or "").encode()) % PARTS


def store(
    owner: HasSource, events: Sequence[Accepted], *, sent_ms: int | None, received_at: datetime
) -> int:
    """Store those events whose message id is new to the source; return how many that were.

    One statement, committed when this returns (outside a transaction of the caller). The consumer
    is woken. Repeats within `events` count once.
    """
    pieces: dict[str, bytes] = {}
    for event in events:
        pieces.setdefault(digest_of(event.message_id), _encode(event))
    if not pieces:
        return 0
    return _insert(owner, pieces, part_of(events[0]), sent_ms, received_at)


def packed(event: Accepted) -> Packed:
    """Make an event ready to be stored later: as bytes it is small, and cheap to keep."""
    return Packed(digest_of(event.message_id), _encode(event), part_of(event), event.occurred_ms)


def store_packed(owner: HasSource, events: Sequence[Packed], *, received_at: datetime) -> int:
    """Store events as `store` does; return how many were new."""
    pieces: dict[str, bytes] = {}
    for event in events:
        pieces.setdefault(event.digest, event.body)
    return _insert(owner, pieces, events[0].part, None, received_at)


def _insert(
    owner: HasSource,
    pieces: Mapping[str, bytes],
    part: int,
    sent_ms: int | None,
    received_at: datetime,
) -> int:
    head = _head(received_at, sent_ms)
    starts, sizes, at = [], [], len(head) + 1
    for piece in pieces.values():
        starts.append(at)
        sizes.append(len(piece))
        at += len(piece) + 1
    body = b"%b%b]}" % (head, b",".join(pieces.values()))
    site, source, moment = str(owner.site_id), str(owner.source_id), received_at.isoformat()
    rings = bell.may_ring()
    # fmt: off
    row = _STORE.fetch_row((
        "{" + ",".join(pieces) + "}",
        "{" + ",".join(map(str, starts)) + "}",
        "{" + ",".join(map(str, sizes)) + "}",
        source, moment,
        body.decode(), head.decode(),
        part, site, source, moment, len(pieces),
        rings,
    ))
    # fmt: on
    assert row is not None
    fresh: int = row[0]
    if fresh and not rings:
        bell.owe()
    return fresh


def claim(owner: HasSource, message_id: str, *, received_at: datetime) -> bool:
    """Take a message id for the source; False when it was taken before. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [str(owner.source_id), digest_of(message_id), received_at])
        return bool(cursor.rowcount == 1)


def put_claimed(
    owner: HasSource, events: Sequence[Accepted], *, sent_ms: int | None, received_at: datetime
) -> None:
    """Store events whose message ids this transaction has claimed."""
    body = b"%b%b]}" % (_head(received_at, sent_ms), b",".join(map(_encode, events)))
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT,
            [
                part_of(events[0]),
                str(owner.site_id),
                str(owner.source_id),
                received_at,
                body.decode(),
            ],
        )


def _head(received_at: datetime, sent_ms: int | None) -> bytes:
    sent = b"null" if sent_ms is None else b"%d" % sent_ms
    return b'{"v":%d,"r":%d,"s":%b,"c":null,"e":[' % (INBOX_VERSION, to_ms(received_at), sent)
