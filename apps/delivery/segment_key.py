"""Segment keys: which cacheable segments somebody is in, in a text that says nothing else.

base64url(family, 4 bytes; bits, 5 bytes; truncated MAC, 8 bytes). The family stands for what the
bits mean in one publication (see `cacheable.Plan`): a key of another family is stale. The MAC keeps
anybody from filling caches with thousands of millions of addresses that all exist.
"""

import binascii
import hmac
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from django.conf import settings

MAX_SEGMENTS: Final = 32
ALLOWED: Final = 1 << MAX_SEGMENTS  # beside the segments: personalization is consented to
FAMILY_BYTES: Final = 4
_BITS_BYTES: Final = 5
_MAC_BYTES: Final = 8
LENGTH: Final = 23  # characters
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


def issue(site_hex: str, family: bytes, bits: int) -> str:
    """Return the key of these bits: segment i of the family is bit i, and ALLOWED."""
    said = family + bits.to_bytes(_BITS_BYTES, "big")
    return _text_of(said + _mac(settings.SIGNING_KEY, site_hex, said))


def bits_in(site_hex: str, family: bytes, text: str) -> int | None:
    """Return the bits of a key; None for one of another family or site, or that nobody issued."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        raw = binascii.a2b_base64(text.encode().translate(_FROM_URL) + b"=", strict_mode=True)
    except binascii.Error:
        return None
    said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    # One spelling each: base64 leaves two bits of the last letter free.
    if text != _text_of(raw) or not _is_ours(site_hex, said, mac):
        return None
    if said[:FAMILY_BYTES] != family:
        return None
    return int.from_bytes(said[FAMILY_BYTES:], "big")


def _text_of(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _is_ours(site_hex: str, said: bytes, mac: bytes) -> bool:
    secrets = (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED)
    return any(hmac.compare_digest(mac, _mac(secret, site_hex, said)) for secret in secrets)


def _mac(secret: str, site_hex: str, said: bytes) -> bytes:
    return blake2b(said, digest_size=_MAC_BYTES, key=_key(secret, site_hex)).digest()


@lru_cache(maxsize=1024)
def _key(secret: str, site_hex: str) -> bytes:
    return hmac.digest(secret.encode(), b"segment key:" + site_hex.encode(), "sha256")
