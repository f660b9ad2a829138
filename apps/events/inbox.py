"""Into the inbox: one row a call, de-duplicated in the same statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

import msgspec
from django.db import connection

from apps.events import repeats
from apps.events.types import INBOX_VERSION, Accepted, HasSource
from apps.events.wakeup import CHANNEL, bell
from apps.work.clock import to_ms
from apps.work.prepared import Prepared

PARTS = 64

# The events of all calls are passed once, as one text. Of a call whose events are all fresh, which
# is nearly always so, its part of the text is stored as it is; else the fresh pieces are cut out.
# The key is (digest, source), sorted so that two requests with the same events wait for each other
# instead of locking each other out.
_STORE_SQL = f"""
WITH raw AS MATERIALIZED (SELECT convert_to(%s::text, 'UTF8') AS bytes), w AS (
    SELECT digest, call, start, size, ord
    FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::int[])
        WITH ORDINALITY AS u(digest, call, start, size, ord)
), d AS (
    INSERT INTO events_dedupekey (source_id, digest, received_at)
    SELECT %s::uuid, digest, %s::timestamptz FROM w ORDER BY digest
    ON CONFLICT DO NOTHING RETURNING digest
), f AS (
    SELECT call, count(*)::int AS fresh FROM w WHERE digest IN (SELECT digest FROM d) GROUP BY call
), i AS (
    INSERT INTO events_inbox (part, site_id, source_id, received_at, body)
    SELECT c.part, %s::uuid, %s::uuid, c.received_at, c.head || (
        CASE WHEN f.fresh = c.count
        THEN convert_from(substring(raw.bytes FROM c.start FOR c.size), 'UTF8')
        ELSE (
            SELECT string_agg(
                convert_from(substring(raw.bytes FROM w.start FOR w.size), 'UTF8'),
                ',' ORDER BY w.ord)
            FROM w WHERE w.call = c.call AND w.digest IN (SELECT digest FROM d))
        END) || ']}}'
    FROM unnest(%s::int[], %s::smallint[], %s::timestamptz[], %s::text[], %s::int[], %s::int[],
        %s::int[]) AS c(call, part, received_at, head, count, start, size)
    JOIN f USING (call), raw ORDER BY c.call
)
SELECT array_agg(call), array_agg(fresh),
    CASE WHEN count(*) > 0 AND %s THEN pg_notify('{CHANNEL}', '') END
FROM f
"""  # nosec B608

_STORE = Prepared(
    "attune_store",
    _STORE_SQL,
    ("text", "uuid[]", "int[]", "int[]", "int[]", "uuid", "timestamptz", "uuid", "uuid")
    + ("int[]", "smallint[]", "timestamptz[]", "text[]", "int[]", "int[]", "int[]", "boolean"),
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


class Coming(NamedTuple):
    """The events of one call, when their sender's clock says they were sent, when they came."""

    events: Sequence[Accepted]
    sent_ms: int | None
    received_at: datetime


class _Pieces(NamedTuple):
    """A call as it will lie in the inbox: its events by the digest of their message id."""

    pieces: Mapping[str, bytes]
    part: int
    sent_ms: int | None
    received_at: datetime


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
    return store_together(owner, [Coming(events, sent_ms, received_at)])[0]


def store_together(owner: HasSource, calls: Sequence[Coming]) -> list[int]:
    """Store the events of several calls of one source; return for each how many were new.

    As `store`, in one statement, and none for what this process has just stored. Of a repeat
    between the calls the first counts.
    """
    source = owner.source_id.hex
    taken: set[str] = set()
    split = []
    for call in calls:
        pieces: dict[str, bytes] = {}
        for event in call.events:
            digest = digest_of(event.message_id)
            if digest not in taken and not repeats.is_known(source + digest):
                taken.add(digest)
                pieces[digest] = _encode(event)
        part = part_of(call.events[0]) if call.events else 0
        split.append(_Pieces(pieces, part, call.sent_ms, call.received_at))
    fresh = _insert(owner, split)
    repeats.remember([source + digest for digest in taken])
    return fresh


def packed(event: Accepted) -> Packed:
    """Make an event ready to be stored later: as bytes it is small, and cheap to keep."""
    return Packed(digest_of(event.message_id), _encode(event), part_of(event), event.occurred_ms)


def store_packed(owner: HasSource, events: Sequence[Packed], *, received_at: datetime) -> int:
    """Store events as `store` does; return how many were new."""
    pieces: dict[str, bytes] = {}
    for event in events:
        pieces.setdefault(event.digest, event.body)
    return _insert(owner, [_Pieces(pieces, events[0].part, None, received_at)])[0]


def _insert(owner: HasSource, calls: Sequence[_Pieces]) -> list[int]:
    fresh = [0] * len(calls)
    digests: list[str] = []
    places: list[int] = []  # beside `digests`: the call of each, where it starts, its size
    starts: list[int] = []
    sizes: list[int] = []
    bodies: list[bytes] = []
    rows: list[tuple[int, int, str, str, int, int, int]] = []
    at = 1
    for place, call in enumerate(calls):
        if not call.pieces:
            continue
        begins = at
        for digest, piece in call.pieces.items():
            digests.append(digest)
            places.append(place)
            starts.append(at)
            sizes.append(len(piece))
            at += len(piece) + 1
        bodies.extend(call.pieces.values())
        head = _head(call.received_at, call.sent_ms).replace('"', '\\"')
        moment = call.received_at.isoformat()
        rows.append(
            (place, call.part, moment, f'"{head}"', len(call.pieces), begins, at - begins - 1)
        )
    if not rows:
        return fresh
    site, source = str(owner.site_id), str(owner.source_id)
    rings = bell.may_ring()
    row = _STORE.fetch_row(
        (
            b",".join(bodies).decode(),
            _array(digests), _array(places), _array(starts), _array(sizes),
            source, rows[0][2], site, source,
            *map(_array, zip(*rows, strict=True)),
            rings,
        )
    )  # fmt: skip
    assert row is not None
    for place, count in zip(row[0] or (), row[1] or (), strict=True):
        fresh[place] = count
    if row[0] and not rings:
        bell.owe()
    return fresh


def _array(values: Iterable[object]) -> str:
    """Return a Postgres array literal of values that need no quotes, or have them."""
    return "{" + ",".join(map(str, values)) + "}"


def claim(owner: HasSource, message_id: str, *, received_at: datetime) -> bool:
    """Take a message id for the source; False when it was taken before. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [str(owner.source_id), digest_of(message_id), received_at])
        return bool(cursor.rowcount == 1)


def put_claimed(
    owner: HasSource, events: Sequence[Accepted], *, sent_ms: int | None, received_at: datetime
) -> None:
    """Store events whose message ids this transaction has claimed."""
    head = _head(received_at, sent_ms).encode()
    body = b"%b%b]}" % (head, b",".join(map(_encode, events)))
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


def _head(received_at: datetime, sent_ms: int | None) -> str:
    sent = "null" if sent_ms is None else sent_ms
    return f'{{"v":{INBOX_VERSION},"r":{to_ms(received_at)},"s":{sent},"c":null,"e":['
