"""Small values as texts that only this server can read: link tokens, form tokens, the outbox.

Encrypted and authenticated (AES-SIV) under a key derived from SIGNING_KEY, one for each use, so
that what was made for one place cannot be put into another. Keys of
before (SIGNING_KEYS_RETIRED) open.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

MAX_LENGTH: Final = 4_000
T = TypeVar("T")


def seal(use: str, plain: bytes, *, bound: bytes = b"") -> bytes:
    """Encrypt for one use ("link", at most 8 letters); `bound` must be given again to open it."""
    return _cipher(settings.SIGNING_KEY, use).encrypt(plain, [b"1", bound])


def unseal(use: str, sealed: bytes, *, bound: bytes = b"") -> bytes | None:
    """Return what was sealed for this use; None for what is not ours or was made for another."""
    for secret in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
        with suppress(InvalidTag, ValueError):
            return _cipher(secret, use).decrypt(sealed, [b"1", bound])
    return None


def token_of(use: str, value: msgspec.Struct) -> str:
    """Return a value as a token that fits into an address."""
    sealed = seal(use, msgspec.msgpack.encode(value))
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def value_of(use: str, token: str, kind: type[T]) -> T | None:
    """Return what a token holds; None for one that this server did not make for this use."""
    if not token or len(token) > MAX_LENGTH:
        return None
    try:
        sealed = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        plain = unseal(use, sealed)
        return None if plain is None else msgspec.msgpack.decode(plain, type=kind)
    except (NotBase64, ValueError, msgspec.MsgspecError):
        return None


@lru_cache(maxsize=32)
def _cipher(secret: str, use: str) -> AESSIV:
    # The digest separates each use of the signing key from every other.
    person = f"attune.p.{use}".encode()
    assert len(person) <= 16, use
    return AESSIV(blake2b(secret.encode(), person=person, digest_size=64).digest())
