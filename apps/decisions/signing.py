"""Signatures that anybody can check with a public key: detached JWS (RFC 7515, 7797) by Ed25519.

The key is derived from SIGNING_KEY (HKDF, RFC 5869) unless SNAPSHOT_KEY gives one. Whoever changes
either puts the `x` of the old one, as /.well-known/jwks.json has it, into SNAPSHOT_RETIRED_KEYS, so
that what was signed with it is still believed until it runs out.
"""

import binascii
import hashlib
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_SEED_BYTES: Final = 32
_PURPOSE: Final = b"attune snapshot signature, Ed25519"


class PublicKey(msgspec.Struct, frozen=True):
    """A public key as JWK (RFC 8037); `kid` is its thumbprint (RFC 7638)."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[PublicKey]


def signed_apart(payload: bytes) -> str:
    """Return the detached signature of these exact bytes: `header..signature`."""
    private, head = _signer(settings.SIGNING_KEY, settings.SNAPSHOT_KEY)
    return f"{head}..{_text_of(private.sign(head.encode() + b'.' + payload))}"


def key_set() -> bytes:
    """Return the JSON web key set: the key that signs first, then those that no longer do."""
    private, _ = _signer(settings.SIGNING_KEY, settings.SNAPSHOT_KEY)
    own = public_key(_text_of(private.public_key().public_bytes_raw()))
    retired = [public_key(x) for x in settings.SNAPSHOT_RETIRED_KEYS]
    return msgspec.json.encode(_KeySet([own, *(key for key in retired if key != own)]))


def public_key(x: str) -> PublicKey:
    """Return a public key from its 32 bytes in base64url.

    Raises:
        ImproperlyConfigured: it is no such text.
    """
    _bytes_of(x, "SNAPSHOT_RETIRED_KEYS")
    # The members that RFC 7638 names, in its order, without a blank.
    digest = hashlib.sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % x.encode()).digest()
    return PublicKey(_text_of(digest), x)


@lru_cache(maxsize=4)
def _signer(secret: str, given: str) -> tuple[Ed25519PrivateKey, str]:
    """The private key, and the encoded header of all that it signs."""
    if given:
        seed = _bytes_of(given, "SNAPSHOT_KEY")
    else:
        seed = HKDF(SHA256(), _SEED_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    kid = public_key(_text_of(private.public_key().public_bytes_raw())).kid
    header = {"alg": "EdDSA", "b64": False, "crit": ["b64"], "kid": kid}
    return private, _text_of(msgspec.json.encode(header))


def _text_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes_of(text: str, name: str) -> bytes:
    try:
        plain = text.encode("ascii").translate(bytes.maketrans(b"-_", b"+/"))
        raw = binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if len(raw) != _SEED_BYTES:
        raise ImproperlyConfigured(f"{name} needs 32 bytes in base64url without padding.")
    return raw
