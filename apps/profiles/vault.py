"""The vault: what names or reaches a person, and what is sensitive, encrypted under their own key.

A value becomes a text, its token, in the place where the value would stand: AES-256-GCM under the
key of one subject, bound to the site, the key's id and the trait. Rows move when profiles are
merged, so a token is not bound to a row. Of equal values of one subject the tokens are equal (the
nonce is a keyed digest of the value), so what compares observations still can; those of two people
never are. Lengths are rounded up.

A subject's key is itself encrypted, by a master key that is in no database (MASTER_KEYS). Rotation
wraps the keys again, not the values; erasure deletes them, and what is left of the values anywhere,
in a backup too, is noise.
"""

import hmac
import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection, transaction

from apps.profiles.models import Contact, SubjectKey
from apps.profiles.state import uuid_array
from apps.work import clock
from apps.work.ids import uuid7
from engine.conditions.trace_words import ENCRYPTED

PREFIX: Final = ENCRYPTED
EMAIL: Final = "email"
PHONE: Final = "phone"
_ID: Final = 16
_NONCE: Final = 12
_TAG: Final = 16
_BLOCK: Final = 16  # bytes that lengths are rounded up to
KEPT_KEYS: Final = 4_096

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode

_KEYS = """
SELECT profile_id, id, wrapped FROM profiles_subjectkey
WHERE profile_id = ANY(%s::uuid[]) ORDER BY profile_id, id
"""


class _Opened(NamedTuple):
    """A subject's key, ready for use."""

    cipher: AESGCM
    nonces: bytes  # key of the digests that nonces are


class Keys:
    """The keys of one subject, the oldest first: the first seals, each opens what it has sealed.

    `packed` is how they travel in hot state: of each the id and the wrapped key.
    """

    __slots__ = ("packed", "site_id")

    def __init__(self, site_id: UUID, packed: Sequence[bytes]) -> None:
        self.site_id = site_id
        self.packed = packed

    def seal(self, field: str, value: object) -> str:
        """Return the token of a value.

        Raises:
            LookupError: the subject has no key, or its master key is not given to this process.
        """
        packed = self.packed[0]
        return _sealed(_of(packed, self.site_id), packed[:_ID], self.site_id, field, value)

    def open(self, field: str, value: object) -> Any:
        """Return what a token holds, None if it cannot be opened; other values as they are."""
        if not is_sealed(value):
            return value
        try:
            raw = a2b_base64(str(value)[len(PREFIX) :], strict_mode=True)
        except ValueError:
            return None
        for packed in self.packed:
            if raw[:_ID] == packed[:_ID]:
                return _plain(packed, raw, self.site_id, field)
        return None

    def moved(self, field: str, token: object, home: "Keys") -> object:
        """Return a token under the first of these keys, whichever of `home` it was under."""
        value = home.open(field, token)
        return token if value is None or value is token else self.seal(field, value)


def is_sealed(value: object) -> bool:
    """Whether a value looks like a token. Senders' texts that do are sealed themselves."""
    return isinstance(value, str) and value.startswith(PREFIX)


def seal_value(site_id: UUID, profile_id: UUID, field: str, value: object) -> str:
    """Return the token of a value of one person; their key is made if there is none.

    One statement, two for the first value.

    Raises:
        LookupError: no master key of this process opens the person's key.
    """
    return keys_of(site_id, [profile_id], made_for=[profile_id])[profile_id].seal(field, value)


def open_value(site_id: UUID, profile_id: UUID, field: str, value: object) -> Any:
    """Return what a token of one person holds; None if it cannot be opened. One statement.

    What is no token comes back as it is.
    """
    if not is_sealed(value):
        return value
    keys = keys_of(site_id, [profile_id]).get(profile_id)
    return None if keys is None else keys.open(field, value)


def keys_of(
    site_id: UUID, profile_ids: Collection[UUID], *, made_for: Collection[UUID] = ()
) -> dict[UUID, Keys]:
    """Return the keys of those profiles of a site that have some. One statement.

    Args:
        made_for: profiles that get one if they have none: another statement. The caller holds
            their state rows, or nobody else knows them yet.
    """
    packed: dict[UUID, list[bytes]] = {}
    if profile_ids:
        with connection.cursor() as cursor:
            cursor.execute(_KEYS, [uuid_array(profile_ids)])
            for profile_id, key_id, wrapped in cursor.fetchall():
                packed.setdefault(profile_id, []).append(key_id.bytes + bytes(wrapped))
    lacking = [one for one in dict.fromkeys(made_for) if one not in packed]
    if lacking:
        made = [_made(site_id, profile_id, now=clock.now()) for profile_id in lacking]
        SubjectKey.objects.bulk_create(made)
        for row in made:
            assert row.profile_id is not None
            packed[row.profile_id] = [row.pk.bytes + bytes(row.wrapped)]
    return {profile_id: Keys(site_id, own) for profile_id, own in packed.items()}


def keys_of_profile(profile_id: UUID) -> Keys | None:
    """Return the keys of one profile, None if it has none. One statement."""
    rows = list(SubjectKey.objects.filter(profile_id=profile_id).order_by("pk"))
    if not rows:
        return None
    return Keys(rows[0].site_id, [row.pk.bytes + bytes(row.wrapped) for row in rows])


def opened(
    site_id: UUID,
    packed: Sequence[bytes],
    traits: Mapping[str, object],
    names: Collection[str] | None = None,
) -> Mapping[str, object]:
    """Return traits as a template may show them: tokens opened, left out where that fails.

    No statement: the keys are those that travel with the person's hot state.

    Args:
        names: the traits that can be looked at, the others stay as they are; None: all.
    """
    tokens = {
        name: value
        for name in (traits if names is None else names)
        if type(value := traits.get(name)) is str and value.startswith(PREFIX)
    }
    if not tokens:
        return traits
    keys, found = Keys(site_id, packed), dict(traits)
    for name, token in tokens.items():
        value = keys.open(name, token)
        if value is None:
            del found[name]
        else:
            found[name] = value
    return found


# The blind index


def blind(site_id: UUID, kind: str, value: str) -> bytes:
    """Return the keyed digest, 16 bytes, under which an address or a number can be looked up.

    Args:
        kind: EMAIL or PHONE; "email_sha256" with the SHA-256 of an address in hex.
        value: as it was given: it is brought into one form first. One statement for each site and
            process.
    """
    if kind == "email_sha256":
        kind, digest = EMAIL, value.strip().lower()
    else:
        digest = sha256(normal(kind, value).encode()).hexdigest()
    return hmac.digest(_index_key(site_id), f"{kind}:{digest}".encode(), "sha256")[:16]


def normal(kind: str, value: str) -> str:
    """Return an address or number in the form in which two that are the same are equal."""
    text = value.strip(" \t\r\n").lower()
    if kind != PHONE:
        return text
    digits = "".join(sign for sign in text if sign.isdigit())
    return f"+{digits.removeprefix('00')}" if text.startswith(("+", "00")) else digits


# What deletes and rotates


def destroy(profile_ids: Collection[UUID]) -> int:
    """Delete the keys of profiles and what they can be looked up by; return how many keys.

    Repeatable. Nothing brings their values back.
    """
    wanted = list(profile_ids)
    with transaction.atomic():
        Contact.objects.filter(profile_id__in=wanted).delete()
        return SubjectKey.objects.filter(profile_id__in=wanted).delete()[0]


def rewrap(limit: int) -> int:
    """Wrap keys by the first master key that are wrapped by another one; return how many.

    0: all are. Keys that somebody else works on are left for the next call. Two statements.

    Raises:
        LookupError: a key is wrapped by a master key that this process does not have.
    """
    name = _masters()[0].name
    with transaction.atomic():
        rows = list(
            SubjectKey.objects.exclude(master=name)
            .order_by("pk")
            .select_for_update(skip_locked=True)[:limit]
        )
        for row in rows:
            plain = _unwrapped(row.pk.bytes, bytes(row.wrapped), row.site_id.bytes)
            row.wrapped = _wrapped(row.pk.bytes, plain, row.site_id.bytes)
            row.master = name
        SubjectKey.objects.bulk_update(rows, ["wrapped", "master"])
    return len(rows)


def waiting_for_rewrap() -> int:
    """How many keys are wrapped by another master key than the first. One statement."""
    return SubjectKey.objects.exclude(master=_masters()[0].name).count()


# Master keys


class Master(NamedTuple):
    """A master key and the name that keys wrapped by it carry."""

    name: str
    key: bytes


def _masters() -> tuple[Master, ...]:
    """The master keys of this process; the first wraps.

    Where the operator has given none, one is derived from the signing key, and it stays readable
    when one is given later.
    """
    given = tuple(Master(name, key) for name, key in settings.MASTER_KEYS)
    return given + _derived((settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED))


@lru_cache(maxsize=8)
def _derived(secrets: tuple[str, ...]) -> tuple[Master, ...]:
    found = []
    for secret in secrets:
        key = blake2b(secret.encode(), person=b"attune.master", digest_size=32).digest()
        found.append(Master(f"signing-{sha256(key).hexdigest()[:8]}", key))
    return tuple(found)


def _wrapped(key_id: bytes, plain: bytes, site: bytes) -> bytes:
    master, nonce = _masters()[0], os.urandom(_NONCE)
    name = master.name.encode()
    body = AESGCM(master.key).encrypt(nonce, plain, b"key" + site + key_id)
    return bytes([len(name)]) + name + nonce + body


def _unwrapped(key_id: bytes, wrapped: bytes, site: bytes) -> bytes:
    """Raises LookupError where no master key of this process opens it."""
    start = 1 + wrapped[0]
    name = wrapped[1:start].decode("ascii", "replace")
    nonce, body = wrapped[start : start + _NONCE], wrapped[start + _NONCE :]
    for master in _masters():
        if master.name == name:
            try:
                return AESGCM(master.key).decrypt(nonce, body, b"key" + site + key_id)
            except InvalidTag:
                continue
    raise LookupError(f"No master key opens what {name} has wrapped: see MASTER_KEYS.")


# Subject keys


def _made(site_id: UUID, profile_id: UUID | None, *, now: datetime) -> SubjectKey:
    key_id = uuid7()
    wrapped = _wrapped(key_id.bytes, os.urandom(32), site_id.bytes)
    return SubjectKey(
        pk=key_id,
        site_id=site_id,
        profile_id=profile_id,
        wrapped=wrapped,
        master=_masters()[0].name,
        created_at=now,
    )


@lru_cache(maxsize=KEPT_KEYS)
def _of(packed: bytes, site_id: UUID) -> _Opened:
    plain = _unwrapped(packed[:_ID], packed[_ID:], site_id.bytes)
    nonces = blake2b(plain, person=b"attune.nonce", digest_size=32).digest()
    return _Opened(AESGCM(plain), nonces)


def _sealed(key: _Opened, key_id: bytes, site_id: UUID, field: str, value: object) -> str:
    plain = _encode(value)
    plain += b" " * (-len(plain) % _BLOCK)  # JSON ends where its value does
    bound = site_id.bytes + key_id + field.encode()
    nonce = blake2b(bound + plain, key=key.nonces, digest_size=_NONCE).digest()
    raw = key_id + nonce + key.cipher.encrypt(nonce, plain, bound)
    return PREFIX + b2a_base64(raw, newline=False).decode()


def _plain(packed: bytes, raw: bytes, site_id: UUID, field: str) -> Any:
    key_id, nonce, body = raw[:_ID], raw[_ID : _ID + _NONCE], raw[_ID + _NONCE :]
    try:
        cipher = _of(packed, site_id).cipher
        return _decode(cipher.decrypt(nonce, body, site_id.bytes + key_id + field.encode()))
    except (InvalidTag, LookupError, ValueError, msgspec.DecodeError):
        return None


_index_keys: dict[UUID, tuple[str, bytes]] = {}


def _index_key(site_id: UUID) -> bytes:
    """The key of a site's blind index: made once, then the same for ever."""
    database = connection.settings_dict["NAME"]
    kept = _index_keys.get(site_id)
    if kept is not None and kept[0] == database:
        return kept[1]
    row = SubjectKey.objects.filter(site_id=site_id, profile=None).first()
    if row is None:
        fresh = _made(site_id, None, now=clock.now())
        SubjectKey.objects.bulk_create([fresh], ignore_conflicts=True)
        row = SubjectKey.objects.get(site_id=site_id, profile=None)
    key = _unwrapped(row.pk.bytes, bytes(row.wrapped), site_id.bytes)
    # Not before the commit: a transaction that is rolled back has made none.
    transaction.on_commit(lambda: _index_keys.__setitem__(site_id, (database, key)))
    return key


def forget_kept() -> None:
    """Drop the keys that this process keeps opened."""
    _of.cache_clear()
    _index_keys.clear()


def digests_of(site_id: UUID, kind: str, values: Iterable[str]) -> list[UUID]:
    """Return the digests of several values as the index keeps them."""
    return [UUID(bytes=blind(site_id, kind, value)) for value in values]


def first_master() -> Master:
    """Return the master key that wraps now."""
    return _masters()[0]


def file_key(name: str, salt: bytes) -> bytes:
    """Return the key of one file that is encrypted under a master key (HKDF, RFC 5869).

    Raises:
        LookupError: this process does not have that master key.
    """
    for master in _masters():
        if master.name == name:
            return HKDF(SHA256(), 32, salt, b"attune file").derive(master.key)
    raise LookupError(f"The master key {name} is not given: see MASTER_KEYS.")
