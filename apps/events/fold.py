"""Inbox rows become event rows: claimed, decoded and inserted inside the consumer's transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from apps.events.domain.evidence import origin_of as origin_of
from apps.events.models import Event
from apps.events.types import Accepted, InboxBody
from apps.work import clock
from apps.work.prepared import Prepared

PARTS = 64
ASIDE = -1
MAX_PARTS = 32  # at a time: a second consumer finds the others free
MAX_BATCHES = 200
MAX_LINES = 200  # of an order
MAX_BYTES = 300_000  # about 500 events: beyond that a larger transaction gains nothing

GROUP_PREFIX = "group."
KINDS = {
    "track": Event.Kind.TRACK,
    "page": Event.Kind.PAGE,
    "screen": Event.Kind.SCREEN,
    "identify": Event.Kind.IDENTIFY,
    "group": Event.Kind.GROUP,
    "alias": Event.Kind.ALIAS,
    "exposure": Event.Kind.EXPOSURE,
    "conversion": Event.Kind.CONVERSION,
}
_NUMBERS = {name: int(kind) for name, kind in KINDS.items()}

_CLAIM = Prepared(
    "attune_claim",
    """
WITH RECURSIVE first AS (  -- of each part that has any: from part to part along the index
    (SELECT part, id FROM events_inbox WHERE part >= 0 ORDER BY part, id LIMIT 1)
    UNION ALL
    SELECT n.part, n.id FROM first f, LATERAL (
        SELECT i.part, i.id FROM events_inbox i WHERE i.part > f.part ORDER BY i.part, i.id LIMIT 1
    ) n
), mine AS MATERIALIZED (
    SELECT p.part FROM events_inboxpart p JOIN first USING (part)
    ORDER BY first.id LIMIT %s FOR UPDATE OF p SKIP LOCKED
), oldest AS MATERIALIZED (
    SELECT i.id, octet_length(i.body) AS bytes
    FROM events_inbox i JOIN mine USING (part) ORDER BY i.id LIMIT %s
), picked AS (
    SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM oldest
)
DELETE FROM events_inbox i USING picked
WHERE i.id = picked.id AND picked.before < %s
RETURNING i.id, i.site_id, i.source_id, i.received_at, i.body
""",
    ("int", "int", "int"),
)

_CLAIM_THESE = Prepared(
    "attune_claim_these",
    """
WITH mine AS MATERIALIZED (
    SELECT part FROM events_inboxpart
    WHERE part IN (SELECT part FROM events_inbox WHERE id = ANY(%s)) ORDER BY part FOR UPDATE
)
DELETE FROM events_inbox WHERE id = ANY(%s) AND part IN (SELECT part FROM mine)
RETURNING id, site_id, source_id, received_at, body
""",
    ("bigint[]", "bigint[]"),
)

_COPY = """
COPY events_event (site_id, profile_id, identity_id, user_identity_id, source_id, kind, name,
  category, item, value, message_id, occurred_at, original_at, sent_at, received_at, properties,
  context, consent_epoch, purposes, flags) FROM STDIN
"""
_NULL = "\\N"
# What the format of COPY cannot hold as it is.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

_OBSERVE = """
INSERT INTO events_eventschema (site_id, name, is_declared, first_seen_at)
SELECT site_id, left(name, 200), false, %s FROM jsonb_to_recordset(%s::jsonb)
  AS r(site_id uuid, name text) ORDER BY site_id, name
ON CONFLICT (site_id, name) DO NOTHING
"""

# The names this process has seen: bounded, because senders choose them.
_MAX_OBSERVED = 20_000
_observed: set[tuple[UUID, str]] = set()

_decoder = msgspec.json.Decoder(InboxBody)
_encode = msgspec.json.Encoder().encode


class Batch(msgspec.Struct):
    """One claimed inbox row; its row is gone when the transaction commits."""

    id: int
    site_id: UUID
    source_id: UUID
    received_at: datetime
    body: InboxBody


class Spoilt(Exception):
    """Batches that cannot be folded together: it is the fault of one of them, at least.

    Attributes:
        batch_ids: their numbers.
        took_too_long: nothing is wrong with them but the time that they take.
    """

    def __init__(self, batch_ids: Sequence[int], *, took_too_long: bool = False) -> None:
        self.batch_ids = batch_ids
        self.took_too_long = took_too_long
        super().__init__(f"{len(batch_ids)} batches cannot be folded, the first {batch_ids[0]}.")


class Placed(msgspec.Struct):
    """An accepted event and where it belongs."""

    batch: Batch
    event: Accepted
    profile_id: UUID
    identity_id: int
    user_identity_id: int | None

    @property
    def order(self) -> tuple[int, int, str]:
        """The total order of events: occurred, the sender's clock, message id; never arrival."""
        event = self.event
        original = event.occurred_ms if event.original_ms is None else event.original_ms
        return event.occurred_ms, original, event.message_id


def make_parts(**_: object) -> None:
    """Have the rows whose locks keep consumers apart. Runs after every migration."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_inboxpart (part) SELECT generate_series(0, %s)"
            " ON CONFLICT DO NOTHING",
            [PARTS - 1],
        )


def claim(most: int = MAX_BATCHES) -> list[Batch]:
    """Take waiting batches, oldest first, about 500 events of them. One statement.

    Parts that another consumer works on are skipped, not waited for.

    Args:
        most: so many batches.

    Raises:
        Spoilt: the body of one cannot be read.
    """
    return _claimed(_CLAIM, [MAX_PARTS, most, MAX_BYTES])


def claim_these(batch_ids: Sequence[int]) -> list[Batch]:
    """Take these batches, those of them that still wait; others' parts are waited for.

    Raises:
        Spoilt: the body of one cannot be read.
    """
    numbers = list(batch_ids)
    return _claimed(_CLAIM_THESE, [numbers, numbers])


def _claimed(statement: Prepared, parameters: Sequence[int | list[int]]) -> list[Batch]:
    batches = [
        Batch(number, site_id, source_id, received_at, _read(number, body))
        for number, site_id, source_id, received_at, body in statement.fetch(parameters)
    ]
    batches.sort(key=lambda batch: batch.id)
    return batches


def _read(number: int, body: str) -> InboxBody:
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Spoilt([number]) from error


def set_aside(batch_id: int) -> bool:
    """Keep a batch in the inbox where no consumer takes it from: in a part that has no row.

    False when another consumer has folded it meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_inbox SET part = %s WHERE id = %s", [ASIDE, batch_id])
        return bool(cursor.rowcount)


def put_back() -> int:
    """Have every batch that was set aside folded again (its cause was mended); how many."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_inbox SET part = mod(id, %s) WHERE part = %s", [PARTS, ASIDE])
        return int(cursor.rowcount)


def insert(placed: Sequence[Placed]) -> None:
    """Insert event rows. One COPY: it reads a row for half of what a JSON document costs."""
    if not placed:
        return
    text = "\n".join(map(_line, placed))
    # Django wraps the errors of what it executes itself: a full disk must not look like bad events.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(_COPY, StringIO(text), len(text) + 1)


def _line(placed: Placed) -> str:
    event, batch, properties = placed.event, placed.batch, placed.event.properties
    occurred = _instant(event.occurred_ms)
    is_same = event.original_ms == event.occurred_ms
    value, user = _number(properties), placed.user_identity_id
    return (
        f"{batch.site_id}\t{placed.profile_id}\t{placed.identity_id}\t"
        f"{_NULL if user is None else user}\t{batch.source_id}\t{_NUMBERS[event.type]}\t"
        f"{_escaped(event.name)}\t{_escaped(_text(properties.get('category')))}\t"
        f"{_escaped(item_of(event))}\t{_NULL if value is None else value}\t"
        f"{_escaped(event.message_id)}\t{occurred}\t"
        f"{occurred if is_same else _instant(event.original_ms)}\t{_instant(batch.body.s)}\t"
        f"{batch.received_at.isoformat()}\t{_json(properties)}\t{_json(event.context)}\t"
        f"{event.epoch}\t{event.purposes}\t{event.flags}"
    )


def _escaped(text: str | None) -> str:
    return _NULL if text is None else text.translate(_ESCAPES)


def _json(document: dict[str, Any]) -> str:
    text = _encode(document).decode()  # has no control characters, only signs for them
    return text.replace("\\", "\\\\") if "\\" in text else text


def item_of(event: Accepted) -> str | None:
    """The product or article that an event is about, by the names sites use for it."""
    return _item_in(event.properties)


def items_of(properties: Mapping[str, Any]) -> list[str]:
    """Return every item that an event names, each once: its own and those of its `products`."""
    products = properties.get("products")
    lines = [one for one in products if isinstance(one, dict)] if isinstance(products, list) else []
    found = [_item_in(one) for one in (properties, *lines[:MAX_LINES])]
    return list(dict.fromkeys(one for one in found if one is not None))


def _item_in(properties: Mapping[str, Any]) -> str | None:
    for key in ("product_id", "sku", "item_id", "content_id", "article_id"):
        text = _text(properties.get(key))
        if text is not None:
            return text
    return None


def traits_of(event: Accepted) -> dict[str, Any]:
    """What an event says of the person; a group's traits are the group's: "group.name", its id too.

    A company's name must not become the person's.
    """
    if event.type != "group":
        return event.traits or {}
    about = {f"{GROUP_PREFIX}{key}": value for key, value in (event.traits or {}).items()}
    return about | {f"{GROUP_PREFIX}id": event.group_id}


def _text(value: object) -> str | None:
    if isinstance(value, str) and value:
        return value[:500]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _number(properties: dict[str, Any]) -> float | None:
    for key in ("value", "revenue", "total", "price"):
        value = properties.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _instant(ms: int | None) -> str:
    if ms is None:
        return _NULL
    return clock.from_ms(ms).isoformat(timespec="milliseconds")


def observe(names: Collection[tuple[UUID, str]], *, now: datetime) -> None:
    """Note event names that no plan declares, so that editors can pick them. Rarely a statement."""
    fresh = {name for name in names if name not in _observed}
    if not fresh:
        return
    rows = msgspec.json.encode([{"site_id": s, "name": n} for s, n in fresh]).decode()
    with connection.cursor() as cursor:
        cursor.execute(_OBSERVE, [now, rows])
    # Not before the commit: a fold that is rolled back has noted nothing.
    transaction.on_commit(lambda: _remember(fresh))


def _remember(fresh: Collection[tuple[UUID, str]]) -> None:
    if len(_observed) + len(fresh) > _MAX_OBSERVED:
        _observed.clear()
    _observed.update(fresh)


_MOVE = "UPDATE events_event SET profile_id = %s WHERE profile_id = %s"

_IDENTIFIED = """
SELECT e.occurred_at, i.profile_id FROM events_event e
JOIN profiles_identity i ON i.id = e.user_identity_id
WHERE e.profile_id = ANY(%s::uuid[]) AND e.identity_id = %s AND e.kind = %s
  AND e.user_identity_id IS NOT NULL
ORDER BY e.occurred_at, coalesce(e.original_at, e.occurred_at), e.message_id COLLATE "C"
"""

_PLACE_BY_LINK = """
WITH spans AS (
    SELECT profile_id,
      CASE WHEN row_number() OVER w = 1 THEN '-infinity'::timestamptz ELSE since END AS since,
      coalesce(lead(since) OVER w, 'infinity'::timestamptz) AS until
    FROM profiles_identitylink WHERE identity_id = %s WINDOW w AS (ORDER BY since)
)
UPDATE events_event e SET profile_id = s.profile_id FROM spans s
WHERE e.profile_id = ANY(%s::uuid[]) AND e.identity_id = %s AND e.user_identity_id IS NULL
  AND e.occurred_at >= s.since AND e.occurred_at < s.until AND e.profile_id <> s.profile_id
"""


_TOGETHER = """
SELECT identity_id, user_identity_id, bool_or(kind = %s) FROM events_event
WHERE profile_id = ANY(%s::uuid[]) AND user_identity_id <> identity_id
GROUP BY 1, 2 ORDER BY min(occurred_at), 1, 2
"""


def move(from_profile: UUID, to_profile: UUID) -> int:
    """Give every event of one profile to another, on a merge. Returns the rows moved."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [str(to_profile), str(from_profile)])
        return int(cursor.rowcount)


def count(profile_id: UUID) -> tuple[int, int | None, int | None]:
    """Count a profile's events: (how many, first ms, last ms)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(occurred_at), max(occurred_at) FROM events_event"
            " WHERE profile_id = %s",
            [str(profile_id)],
        )
        total, first, last = cursor.fetchone()
    return total, None if first is None else clock.to_ms(first), last and clock.to_ms(last)


def count_of(profile_id: UUID, identity_ids: Collection[int]) -> int:
    """Count the events of a profile that came under these identities."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM events_event WHERE profile_id = %s"
            " AND coalesce(user_identity_id, identity_id) = ANY(%s)",
            [str(profile_id), sorted(identity_ids)],
        )
        return int(cursor.fetchone()[0])


def identifications(identity_id: int, profiles: str) -> list[tuple[datetime, UUID]]:
    """Who identified from an anonymous identity, and when: (occurred at, the user's profile).

    `profiles` is an array literal of the profiles that may hold its events.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFIED, [profiles, identity_id, int(Event.Kind.IDENTIFY)])
        return list(cursor.fetchall())


def seen_together(profiles: str) -> list[tuple[int, int, bool]]:
    """Which identities came with which user, the earliest first: (identity, user, by identify).

    `profiles` is an array literal of the profiles that hold the events.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TOGETHER, [int(Event.Kind.IDENTIFY), profiles])
        return [(identity, user, said) for identity, user, said in cursor.fetchall()]


def place_by_links(identity_id: int, profiles: str) -> int:
    """Give a shared identity's own events to whoever its links name at the time. Rows moved."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACE_BY_LINK, [identity_id, profiles, identity_id])
        return int(cursor.rowcount)
