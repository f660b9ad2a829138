"""A decision record as the bytes that Postgres takes in: one row of COPY in its binary format.

Most of what a call's placements say is the same for many visitors, so those parts are encoded once,
for the column and for the seal, and put together.
"""

import os
import time
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.decisions import sealing
from apps.decisions.record_inputs import Noted, Said

# In the order of `row_of`.
COLUMNS: Final = (
    "id", "site_id", "source_id", "writer", "format", "key_id", "number", "dropped", "at",
    "snapshot", "took_us", "profile_id", "request_id", "digest", "unit_id", "placements", "facts",
    "missing", "inputs", "seal",
)  # fmt: skip
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"

# Those that have a value of a fixed size, each behind that size: count, four of 16 bytes, two of 2,
# three of 8, two of 4.
_FIXED: Final = Struct(">h" + "i16s" * 4 + "ih" * 2 + "iq" * 3 + "ii" * 2)
_SIZE: Final = Struct(">i").pack
_ARRAY: Final = Struct(">iiiii").pack  # dimensions, has nulls, type, length, first index
_TEXT_OID: Final = 25
_NULL: Final = b"\xff\xff\xff\xff"
_JSONB: Final = b"\x01"  # the version of its format
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
_KEPT: Final = 10_000

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode


class Entries(NamedTuple):
    """What the placements of a call say, for the column and for the seal."""

    json: bytes
    sealed: msgspec.Raw


class Sealed(NamedTuple):
    """One row, ready to be written: whose it is (16 bytes, None: nobody's) and its bytes."""

    profile: bytes | None
    data: bytes


class Values(NamedTuple):
    """A record's values. Ids are 16 bytes; `facts` is JSON, `at_us` microseconds since 1970."""

    id: bytes
    site_id: UUID
    source_id: UUID
    writer: UUID
    format: int
    number: int
    dropped: int
    at_us: int
    snapshot: int
    took_us: int
    profile: bytes | None
    request_id: str
    digest: str
    unit_id: str
    entries: Entries
    facts: bytes
    missing: list[str]
    inputs: bytes | None


def entries_of(noted: Sequence[Noted]) -> Entries:
    """Encode what a call's placements say; of what is shown only a digest."""
    columns: list[bytes] = []
    sealed: list[bytes] = []
    for one in noted:
        head = _heads.get(one.said)
        if head is None:
            head = _head_of(one.said)
        if one.digest:
            digest = one.digest.hex().encode()
            columns.append(b'%b"%b"}' % (head[0], digest))
            sealed.append(b"%b\xb8%b" % (head[1], digest))  # a text of 24 letters
        else:
            columns.append(head[0] + b"null}")
            sealed.append(head[1] + b"\xc0")
    return Entries(
        b"[%b]" % b",".join(columns), msgspec.Raw(_array(len(sealed)) + b"".join(sealed))
    )


_heads: dict[Said, tuple[bytes, bytes]] = {}


def _head_of(said: Said) -> tuple[bytes, bytes]:
    """Everything of an entry but its content, encoded both ways."""
    *names, last = sealing.FIELDS
    values = [sealing.storable(value) for value in said]
    pairs = [_json(name) + b":" + _json(value) for name, value in zip(names, values, strict=True)]
    column = b"{%b,%b:" % (b",".join(pairs), _json(last))
    head = column, _array(len(sealing.FIELDS)) + b"".join([_pack(value) for value in values])
    if len(_heads) >= _KEPT:
        _heads.clear()
    _heads[said] = head
    return head


def _array(count: int) -> bytes:
    """The head of an array of msgpack."""
    return bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def row_of(made: Values) -> Sealed:
    """Seal a record and return its row."""
    key_id = sealing.key_id()
    site, source, writer = _bytes(made.site_id), _bytes(made.source_id), _bytes(made.writer)
    seal = sealing.seal(
        made.site_id,
        (
            made.format, made.id, writer, made.number, made.dropped, site,
            made.request_id, source, made.snapshot, made.digest, made.at_us,
            made.entries.sealed, made.took_us, made.missing, key_id,
        ),
        (made.unit_id, made.facts, made.inputs),
        made.profile,
    )  # fmt: skip
    fixed = _FIXED.pack(
        len(COLUMNS), 16, made.id, 16, site, 16, source, 16, writer, 2, made.format,
        2, key_id, 8, made.number, 8, made.dropped,
        8, made.at_us - _POSTGRES_EPOCH_US, 4, made.snapshot, 4, made.took_us,
    )  # fmt: skip
    values = (
        made.profile,
        made.request_id.encode(),
        made.digest.encode(),
        made.unit_id.encode(),
        _JSONB + made.entries.json,
        _JSONB + made.facts,
        _texts(made.missing),
        made.inputs,
        seal,
    )
    parts = [fixed]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_SIZE(len(value)), value)
    return Sealed(made.profile, b"".join(parts))


def _bytes(one: UUID) -> bytes:
    return one.int.to_bytes(16, "big")


def ids(count: int) -> list[bytes]:
    """Return UUIDs of version 7 for records made now, 16 bytes each: see `work.ids.uuid7`."""
    begin = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    random = os.urandom(10 * count)
    return [
        begin + _VERSIONED[random[at] & 15] + random[at + 1 : at + 2]
        + _VARIANT[random[at + 2] & 63] + random[at + 3 : at + 10]
        for at in range(0, 10 * count, 10)
    ]  # fmt: skip


_VERSIONED: Final = [bytes([0x70 | n]) for n in range(16)]
_VARIANT: Final = [bytes([0x80 | n]) for n in range(64)]


def _texts(values: Sequence[str]) -> bytes:
    """An array of texts."""
    if not values:
        return _ARRAY(0, 0, _TEXT_OID, 0, 0)[:12]
    encoded = [value.encode() for value in values]
    head = _ARRAY(1, 0, _TEXT_OID, len(values), 1)
    return head + b"".join([_SIZE(len(value)) + value for value in encoded])


def file_of(rows: Sequence[Sealed]) -> bytes:
    """Return what COPY reads."""
    return b"".join((_BEGIN, *[row.data for row in rows], _END))
