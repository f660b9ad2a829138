"""Proof that a page may speak for a userId: a browser can claim any."""

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from apps.access.types import Caller

LONGEST_TOKEN_S: Final = 86_400
CLOCK_LEEWAY_S: Final = 60

_HEADER: Final = msgspec.json.Decoder(dict[str, Any])
_CLAIMS: Final = msgspec.json.Decoder(dict[str, Any])


class SignedIn(NamedTuple):
    """A login that the site's server has signed, and when it did."""

    user_id: str
    signed_at: datetime


def verified_user_id(
    caller: Caller,
    user_id: str | None,
    user_hash: str | None,
    user_token: str | None,
    now: datetime,
) -> str | None:
    """Return the user this call speaks for, None for an anonymous one.

    A secret key is believed. A source that demands proof takes `user_token` or `user_hash`, and
    without a valid one the call is anonymous. Other sources are believed as before; a valid token
    may name the user there too.
    """
    if caller.kind != "pk":
        return user_id
    if user_token:
        subject = user_of_token(caller.proof_secret, user_token, now)
        if subject is not None and user_id in (None, subject):
            return subject
    if not caller.is_user_proof_required:
        return user_id
    if user_id and user_hash and is_hash_of(caller.proof_secret, user_id, user_hash):
        return user_id
    return None


def is_hash_of(secret: str, user_id: str, user_hash: str) -> bool:
    """Tell whether `user_hash` is hex HMAC-SHA256(secret, user_id); no secret proves nothing."""
    if not secret:
        return False
    expected = hmac.new(secret.encode(), user_id.encode("utf-8", "replace"), hashlib.sha256)
    return hmac.compare_digest(
        expected.hexdigest().encode(), user_hash.lower().encode("utf-8", "replace")
    )


def user_of_token(secret: str, token: str, now: datetime) -> str | None:
    """Return `sub` of a valid token: a JWT with HS256 whose `exp` is at most 24 hours ahead.

    None when it is malformed, signed otherwise, expired, not valid yet (`nbf`) or lives too long.
    """
    shown = signed_in(secret, token, now)
    return None if shown is None else shown.user_id


def signed_in(secret: str, token: str, now: datetime) -> SignedIn | None:
    """Return who signed in, and when the site's server said so; None as `user_of_token`."""
    parts = token.split(".")
    if not secret or len(parts) != 3:
        return None
    try:
        header = _HEADER.decode(_decoded(parts[0]))
        signature = _decoded(parts[2])
        signed = f"{parts[0]}.{parts[1]}".encode("ascii")
        claims = _CLAIMS.decode(_decoded(parts[1]))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return None
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    # The algorithm is ours to choose, never the token's: "none" is refused, and any public-key one.
    if header.get("alg") != "HS256" or not hmac.compare_digest(expected, signature):
        return None
    moment = now.timestamp()
    subject, end, start = claims.get("sub"), claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(subject, str) or not subject:
        return None
    if not isinstance(end, int | float) or not isinstance(start, int | float):
        return None
    if not moment < end <= moment + LONGEST_TOKEN_S + CLOCK_LEEWAY_S:
        return None
    if start > moment + CLOCK_LEEWAY_S:
        return None
    issued = claims.get("iat")
    if not isinstance(issued, int | float):
        issued = end - LONGEST_TOKEN_S  # as early as it can have been
    return SignedIn(subject, datetime.fromtimestamp(min(issued, moment), UTC))


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
