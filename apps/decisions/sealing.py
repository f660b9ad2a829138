"""The seal of a decision record: who changes a row without the server's key is found out.

Three MACs (keyed BLAKE2b, RFC 7693) of 16 bytes in a row, each over the one before it, because a
record may change twice in its life and stay genuine: when its visitor is erased, what was read
empties; when profiles are merged or parted, it becomes another profile's.

    1  what was decided, when, by whom, and the row's place in the numbers of its writer
    2  what was read of the visitor
    3  whose it is
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from operator import itemgetter
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from django.conf import settings

PART_BYTES: Final = 16
# Of an entry of `placements`, in the order of the seal.
FIELDS: Final = (
    "placement", "block", "variant", "version", "reason", "rule", "experiment", "arm",
    "probability", "content",
)  # fmt: skip
_in_order = itemgetter(*FIELDS)
_EXACT: Final = 2**53  # integers up to here are themselves as floats
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)

_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder(order="deterministic").encode


class Sealed(Protocol):
    """The columns of a record that the seal covers; `placements` and `facts` are JSON."""

    id: UUID
    format: int
    writer: UUID | None
    number: int
    dropped: int
    site_id: UUID
    request_id: str
    profile_id: UUID | None
    source_id: UUID
    snapshot: int
    digest: str
    at: datetime
    placements: Any
    took_us: int
    missing: list[str]
    unit_id: str
    facts: Any
    inputs: Any
    key_id: int
    seal: Any


def key_id() -> int:
    """Return the number of the key that seals now, 0 to 32,767: it tells keys apart, no more."""
    return _key_id(settings.SIGNING_KEY)


def seal_of(row: Sealed) -> bytes:
    """Return the seal that a row with these columns has."""
    key = _key(settings.SIGNING_KEY, row.site_id)
    decided = _decided(key, row)
    read = _read(key, decided, row.unit_id, row.facts, row.inputs)
    return decided + read + _owned(key, read, row.profile_id)


def faults(row: Sealed) -> list[str]:
    """Return what of a row is not as it was sealed: "decided", "read", "owner", "key"."""
    if row.key_id != key_id():
        return ["key"]
    key = _key(settings.SIGNING_KEY, row.site_id)
    seal = bytes(row.seal)
    if len(seal) != 3 * PART_BYTES:
        return ["decided"]
    decided, read, owner = (seal[n : n + PART_BYTES] for n in (0, PART_BYTES, 2 * PART_BYTES))
    checks = (
        ("decided", decided, lambda: _decided(key, row)),
        ("read", read, lambda: _read(key, decided, row.unit_id, row.facts, row.inputs)),
        ("owner", owner, lambda: _owned(key, read, row.profile_id)),
    )
    return [name for name, said, right in checks if not _is_right(said, right)]


def passed_on(site_id: UUID, seal: bytes, before: UUID | None, after: UUID | None) -> bytes:
    """Return the seal of a row that goes from one profile to another; a broken one stays broken."""
    key = _key(settings.SIGNING_KEY, site_id)
    read = seal[PART_BYTES : 2 * PART_BYTES]
    if not hmac.compare_digest(seal[2 * PART_BYTES :], _owned(key, read, before)):
        return seal
    return seal[: 2 * PART_BYTES] + _owned(key, read, after)


def emptied(site_id: UUID, seal: bytes) -> bytes:
    """Return the seal of a row whose visitor has been erased."""
    if not seal:
        return seal
    key = _key(settings.SIGNING_KEY, site_id)
    decided = seal[:PART_BYTES]
    read = _read(key, decided, "", {}, None)
    return decided + read + _owned(key, read, None)


def content_digest(body: bytes) -> str:
    """Return the digest of what was shown, 24 hex digits: BLAKE2b of 12 bytes, without a key."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def hidden(site_id: UUID, value: object) -> bytes:
    """Return a keyed digest by which a value can be known again, but not guessed."""
    return _mac(_key(settings.SIGNING_KEY, site_id), _pack(b"hidden") + _json(storable(value)))


def storable(value: Any) -> Any:
    """Return a JSON value that is the same when it comes back from `jsonb`.

    That knows no NUL, and writes large numbers in digits: those become texts.
    """
    kind = type(value)
    if kind is str:
        return value.replace("\x00", "\ufffd") if "\x00" in value else value
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -_EXACT <= value <= _EXACT else str(value)
    if kind is float:
        if not value.is_integer():
            return value if isfinite(value) else str(value)
        return int(value) if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return storable(str(value))


def _is_right(said: bytes, right: Callable[[], bytes]) -> bool:
    try:
        return hmac.compare_digest(said, right())
    except (OverflowError, TypeError, ValueError):
        return False  # no record of ours has a value that cannot be packed


def _decided(key: bytes, row: Sealed) -> bytes:
    placements: Any = row.placements
    if type(placements) is not list:
        raise TypeError("A record's placements are a list.")
    parts = (
        row.format,
        row.id.bytes,
        b"" if row.writer is None else row.writer.bytes,
        row.number,
        row.dropped,
        row.site_id.bytes,
        row.request_id,
        row.source_id.bytes,
        row.snapshot,
        row.digest,
        (row.at - _EPOCH) // _US,
        [_entry(entry) for entry in placements],
        row.took_us,
        row.missing,
        row.key_id,
    )
    return _mac(key, _pack(parts))


def _entry(entry: Any) -> Any:
    """An entry's values in the order of FIELDS; nothing for what has other fields."""
    try:
        return _in_order(entry) if len(entry) == len(FIELDS) else ()
    except (KeyError, TypeError):
        return ()


def _read(key: bytes, decided: bytes, unit_id: str, facts: Any, inputs: Any) -> bytes:
    kept = None if inputs is None else bytes(inputs)
    return _mac(key, _pack((decided, unit_id, _json(facts), kept)))


def _owned(key: bytes, read: bytes, profile_id: UUID | None) -> bytes:
    return _mac(key, _pack((read, None if profile_id is None else profile_id.bytes)))


def _mac(key: bytes, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=key, digest_size=PART_BYTES).digest()


@lru_cache(maxsize=1024)
def _key(secret: str, site_id: UUID) -> bytes:
    """The key of one site: a row does not verify as another site's."""
    return hmac.digest(secret.encode(), b"decision record:" + site_id.bytes, "sha256")


@lru_cache(maxsize=4)
def _key_id(secret: str) -> int:
    digest = hmac.digest(secret.encode(), b"decision record key", "sha256")
    return int.from_bytes(digest[:2], "big") & 0x7FFF
