"""Ids: UUIDv7 for rows, opaque prefixed ids for the wire. Nothing personal goes into either."""

import os
import time
from base64 import urlsafe_b64encode
from uuid import UUID

_LOW_62 = (1 << 62) - 1


def uuid7() -> UUID:
    """Return a time-ordered UUID (RFC 9562, version 7): near in time is near in an index."""
    ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high = (ms << 16) | 0x7000 | (random >> 68)
    return UUID(int=(high << 64) | (0b10 << 62) | (random & _LOW_62))


def public_id(prefix: str) -> str:
    """Return an opaque id for the wire, such as `req_4kQ...`: 96 random bits."""
    # `secrets.token_urlsafe` takes the same bytes a longer way, in every answer.
    return f"{prefix}_{urlsafe_b64encode(os.urandom(12)).decode()}"
