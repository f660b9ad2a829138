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
    "probability", "propensity", "content",
)  # fmt: skip
PROPENSITY_SINCE: Final = 4  # of the format of records
_FIELDS_BEFORE: Final = tuple(name for name in FIELDS if name != "propensity")
_in_order = itemgetter(*FIELDS)
_in_order_before = itemgetter(*_FIELDS_BEFORE)
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


def seal(
    site_id: UUID,
    decided: tuple[object, ...],
    read: tuple[str, bytes, bytes | None],
    profile: bytes | None,
) -> bytes:
    """Return the seal of a row that is being written, by the key that seals now.

    Args:
        decided: the values of `_decided`, the entries packed already.
        read: the unit id, the facts as JSON in `ordered`, and the inputs.
        profile: 16 bytes.
    """
    keyed = _keyed(settings.SIGNING_KEY, site_id)
    unit_id, facts, inputs = read
    first = keyed.copy()
    first.update(_pack(decided))
    one = first.digest()
    second = keyed.copy()
    second.update(_pack((one, unit_id, facts, inputs)))
    two = second.digest()
    third = keyed.copy()
    third.update(_pack((two, profile)))
    return one + two + third.digest()


def ordered(value: object) -> bytes:
    """Return JSON whose names are in order: the same for what `jsonb` gives back."""
    return _json(value)


def faults(row: Sealed) -> list[str]:
    """Return what of a row is not as it was sealed: "decided", "read", "owner", "key"."""
    key = _key_of(row.key_id, row.site_id)
    if key is None:
        return ["key"]
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


def passed_on(
    site_id: UUID, number: int, seal: bytes, before: UUID | None, after: UUID | None
) -> bytes:
    """Return the seal of a row that goes from one profile to another; a broken one stays broken.

    Args:
        number: of the key that sealed it.
    """
    key = _key_of(number, site_id)
    read = seal[PART_BYTES : 2 * PART_BYTES]
    if key is None or not hmac.compare_digest(seal[2 * PART_BYTES :], _owned(key, read, before)):
        return seal
    return seal[: 2 * PART_BYTES] + _owned(key, read, after)


def emptied(site_id: UUID, number: int, seal: bytes) -> bytes:
    """Return the seal of a row whose visitor has been erased, by the key that sealed it."""
    key = _key_of(number, site_id)
    if not seal or key is None:
        return seal
    decided = seal[:PART_BYTES]
    read = _read(key, decided, "", {}, None)
    return decided + read + _owned(key, read, None)


def content_digest(body: bytes) -> bytes:
    """Return the digest of what was shown: BLAKE2b of 12 bytes, without a key."""
    return hashlib.blake2b(body, digest_size=12).digest()


def hidden(site_id: UUID, value: object, number: int | None = None) -> bytes:
    """Return a keyed digest by which a value can be known again, but not guessed.

    Args:
        number: of the key that sealed the record which it is of; None: the one that seals now.
    """
    key = _key_of(key_id() if number is None else number, site_id)
    return b"" if key is None else _mac(key, _pack(b"hidden") + _json(storable(value)))


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
        [_entry(entry, row.format) for entry in placements],
        row.took_us,
        row.missing,
        row.key_id,
    )
    return _mac(key, _pack(parts))


def _entry(entry: Any, format: int) -> Any:
    """An entry's values in the order of FIELDS; nothing for what has other fields."""
    try:
        if format < PROPENSITY_SINCE:
            return _in_order_before(entry) if len(entry) == len(_FIELDS_BEFORE) else ()
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


def _key_of(number: int, site_id: UUID) -> bytes | None:
    """The key of a site that has this number: of the present secret or one of before."""
    for secret in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
        if _key_id(secret) == number:
            return _key(secret, site_id)
    return None


@lru_cache(maxsize=1024)
def _keyed(secret: str, site_id: UUID) -> "hashlib.blake2b":
    """A hash that has taken the key in already."""
    return hashlib.blake2b(key=_key(secret, site_id), digest_size=PART_BYTES)


@lru_cache(maxsize=1024)
def _key(secret: str, site_id: UUID) -> bytes:
    """The key of one site: a row does not verify as another site's."""
    return hmac.digest(secret.encode(), b"decision record:" + site_id.bytes, "sha256")


@lru_cache(maxsize=16)
def _key_id(secret: str) -> int:
    digest = hmac.digest(secret.encode(), b"decision record key", "sha256")
    return int.from_bytes(digest[:2], "big") & 0x7FFF
