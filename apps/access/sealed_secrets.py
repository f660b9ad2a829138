"""Secrets of staff in the database: encrypted under the signing key, or one that is retired.

A sealed text opens only with the words that it was bound to, so that no row can borrow another's.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings


def seal(secret: bytes, bound: str) -> str:
    """Return a secret encrypted, in the letters of base64."""
    sealed = _cipher(settings.SIGNING_KEY).encrypt(secret, [bound.encode()])
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(text: str, bound: str) -> bytes | None:
    """Return the secret, or None where no key of ours opens it with these words."""
    with suppress(ValueError):
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        for key in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
            with suppress(InvalidTag):
                return _cipher(key).decrypt(sealed, [bound.encode()])
    return None


@lru_cache(maxsize=8)
def _cipher(secret: str) -> AESSIV:
    # The digest separates this use of the signing key from every other.
    return AESSIV(blake2b(secret.encode(), person=b"attune.secret.1", digest_size=64).digest())
