"""Tickets of the live stream: an address that may be opened again and again, and says nothing.

An EventSource sends no headers, and neither keys nor identities belong into an address. A ticket
is the site, the source and the digest of one identity, encrypted and authenticated by AES-SIV
(RFC 5297). That cipher needs no nonce, so within a calendar month the same visitor always gets the
same address: answers that carry it keep their ETag. Pure but for the signing key and the origin.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from apps.decisions.notices import digest_of

PATH: Final = "/v1/stream"
VALID: Final = timedelta(days=60)

_LAYOUT: Final = Struct(">H16s16s16s")  # months since the year 0, site, source, identity
_VERSION: Final = b"\x01"
_MAX_LENGTH: Final = 200  # of the text; a real one has 90 characters


class Ticket(NamedTuple):
    """What a ticket says.

    Attributes:
        identity: 16 bytes, `digest_of("kind:value")`.
        ends_ms: Unix ms after which it opens nothing.
        is_over: whether that is past.
    """

    site_id: UUID
    source_id: UUID
    identity: bytes
    ends_ms: int
    is_over: bool


def ticket_of(site_id: UUID, source_id: UUID, identity: str, now_ms: int) -> str:
    """Return the ticket of an identity ("kind:value"), the same all through a calendar month (UTC).

    It is valid until 60 days after that month, so for 60 days at least, whenever it was given.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    month = now.year * 12 + now.month - 1
    plain = _LAYOUT.pack(month, site_id.bytes, source_id.bytes, digest_of(identity))
    sealed = _VERSION + _cipher(settings.SIGNING_KEY).encrypt(plain, [_VERSION])
    return _text_of(sealed)


def read_ticket(text: str, now_ms: int) -> Ticket | None:
    """Return what a ticket says; None for one that is not ours."""
    if len(text) > _MAX_LENGTH:
        return None
    try:
        sealed = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        # The last letter has bits to spare: of all that decode to the same, only ours is taken.
        if sealed[:1] != _VERSION or _text_of(sealed) != text:
            return None
        plain = _opened(sealed[1:])
    except (NotBase64, ValueError):
        return None
    if plain is None:
        return None
    month, site, source, identity = _LAYOUT.unpack(plain)  # ours, so it is whole
    ends_ms = _end_of(month)
    return Ticket(UUID(bytes=site), UUID(bytes=source), identity, ends_ms, ends_ms <= now_ms)


def stream_url(ticket: str) -> str:
    """Return the address that a ticket opens.

    Absolute where STREAM_ORIGIN names an origin of its own; without one a proxy leads the path to
    the stream process, and the address is relative to the API's origin.
    """
    return f"{settings.STREAM_ORIGIN}{PATH}?ticket={ticket}"


def valid_until_ms(now_ms: int) -> int:
    """Until when a ticket given now is valid, in Unix ms."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return _end_of(now.year * 12 + now.month - 1)


def _text_of(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _end_of(month: int) -> int:
    year, before = divmod(month + 1, 12)
    return int((datetime(year, before + 1, 1, tzinfo=UTC) + VALID).timestamp() * 1000)


def _opened(sealed: bytes) -> bytes | None:
    """What a ticket holds that we sealed, now or with a key of before; None for one of others."""
    for secret in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
        with suppress(InvalidTag):
            return _cipher(secret).decrypt(sealed, [_VERSION])
    return None


@lru_cache(maxsize=16)
def _cipher(secret: str) -> AESSIV:
    # The digest separates this use of the signing key from every other.
    return AESSIV(blake2b(secret.encode(), person=b"attune.ticket.1", digest_size=64).digest())
