"""Looks at real people: who may, for which reason, and for how long. Every one is audited.

Who may not see people can still look through the eyes of one: of a member of a segment, drawn by
chance, under an id that leads nowhere for anybody else or on another day.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from apps.access.looks import LEAST_REASON as LEAST_REASON
from apps.access.looks import begin as begin
from apps.access.looks import is_open as is_open
from apps.access.looks import may_look as may_look
from apps.access.looks import minutes_left as minutes_left
from apps.access.looks import note as note

SAMPLE: Final = "smp_"


def sealed(site_id: UUID, user_id: int, profile_id: UUID, now: datetime) -> str:
    """Return an id of a person that this user alone can use, until tomorrow's end."""
    bound = _bound(site_id, user_id, now)
    secret = _cipher(settings.SIGNING_KEY).encrypt(profile_id.bytes, bound)
    return SAMPLE + urlsafe_b64encode(secret).rstrip(b"=").decode()


def unsealed(site_id: UUID, user_id: int, text: str, now: datetime) -> UUID | None:
    """Return whom such an id means; None for one of somebody else, or of an earlier day."""
    if not text.startswith(SAMPLE) or len(text) > 80:
        return None
    try:
        body = text.removeprefix(SAMPLE)
        secret = urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (NotBase64, ValueError):
        return None
    for key in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
        for day in (now, now - timedelta(days=1)):
            with suppress(InvalidTag, ValueError):
                plain = _cipher(key).decrypt(secret, _bound(site_id, user_id, day))
                return UUID(bytes=plain)
    return None


def _bound(site_id: UUID, user_id: int, now: datetime) -> list[bytes]:
    return [site_id.bytes, str(user_id).encode(), f"{now:%Y-%m-%d}".encode()]


@lru_cache(maxsize=8)
def _cipher(secret: str) -> AESSIV:
    # The digest separates this use of the signing key from every other.
    return AESSIV(blake2b(secret.encode(), person=b"attune.sample.1", digest_size=64).digest())
