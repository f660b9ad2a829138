"""From a request to its caller: where keys may stand, and what each kind may do."""

import base64
import binascii
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec
from django.db import Error as DatabaseError
from django.http import HttpRequest

from apps.access import services
from apps.access.addresses import client_address
from apps.access.bodies import parse, write_key_in
from apps.access.cors import KEY_SLOT
from apps.access.errors import (
    Forbidden,
    InvalidRequest,
    SecretKeyInBrowser,
    Unauthenticated,
)
from apps.access.keys import KEYS, KnownKey
from apps.access.places import place_of
from apps.access.types import Caller
from apps.work import clock

logger = logging.getLogger(__name__)

_AUDIT_PAUSE_S: Final = 60.0
_audited_at: dict[
    UUID, float
] = {}  # key id -> time.monotonic(); one entry per misplaced secret key


class Keyed(Protocol):
    """A typed body that may name its caller's publishable key."""

    @property
    def write_key(self) -> str | None: ...


Body = TypeVar("Body", bound=Keyed)


def authenticate(
    request: HttpRequest, body_key: str | None = None, *, allow: Sequence[str] = ("pk", "sk")
) -> Caller:
    """Return who calls. The first place with a key decides, in this order.

    Authorization (Basic `key:` or Bearer), X-API-Key, then for publishable keys only `body_key`
    (the body's writeKey) and `?writeKey=`. No Postgres when the key is in memory.

    Raises:
        RateLimited: the address has named too many keys that nobody knows.
        Unauthenticated: no key, an unknown, expired or revoked one, or one in a wrong place.
        Forbidden: the key's kind is not in `allow`.
        SecretKeyInBrowser: a secret key with an Origin header; audited once a minute and key.
        Unavailable: the key is not in memory and Postgres is away.
    """
    meta = request.META
    value = _header_key(meta)
    is_in_header = value is not None
    if value is None:
        value = body_key or _query_key(request)
        if not value:
            raise Unauthenticated("Send a key, as `Authorization: Bearer <key>` for instance.")
    known = _known_key(value, meta)
    if known is None:
        raise Unauthenticated()
    if not is_in_header and known.kind != "pk":
        raise Unauthenticated("Only a publishable key may stand in a body or an address.")
    meta[KEY_SLOT] = known
    origin = meta.get("HTTP_ORIGIN")
    if origin is not None and known.kind == "sk":
        _audit_misplaced(known)
        raise SecretKeyInBrowser()
    if known.kind not in allow:
        raise Forbidden()
    return _caller(known, meta)


def caller_of(meta: dict[str, Any]) -> Caller | None:
    """Return who was authenticated for this request, None when nobody was."""
    known: KnownKey | None = meta.get(KEY_SLOT)
    return None if known is None else _caller(known, meta)


def _caller(known: KnownKey, meta: dict[str, Any]) -> Caller:
    carried = (
        meta.get("HTTP_ORIGIN"), client_address(meta), meta.get("HTTP_SEC_GPC") == "1",
        *place_of(meta),
    )  # fmt: skip
    return Caller(*(known.fields + carried + known.terms))


def authenticate_body(
    request: HttpRequest,
    body: bytes,
    decoder: "msgspec.json.Decoder[Body]",
    *,
    allow: Sequence[str] = ("pk", "sk"),
) -> tuple[Caller, Body]:
    """Return who calls and the body by type. A wrong key is told before a wrong body.

    Raises:
        InvalidRequest: not JSON, or not of the type.
        Unauthenticated, Forbidden, SecretKeyInBrowser, Unavailable: as `authenticate`.
    """
    if _header_key(request.META) is not None:
        caller = authenticate(request, allow=allow)
        return caller, parse(decoder, body)
    try:
        given = parse(decoder, body)
    except InvalidRequest:
        authenticate(request, write_key_in(body), allow=allow)
        raise
    return authenticate(request, given.write_key, allow=allow), given


def caller_of_public_key(value: str, request: HttpRequest | None = None) -> Caller | None:
    """Return the caller of a publishable key named in a path (settings of the browser library).

    Raises:
        RateLimited: the address has named too many that nobody knows.
        Unavailable: the key is not in memory and Postgres is away.
    """
    known = _known_key(value, None if request is None else request.META)
    if known is None or known.kind != "pk":
        return None
    return Caller(*(known.fields + (None, None, False, None, None) + known.terms))


def _known_key(value: str, meta: Mapping[str, Any] | None) -> KnownKey | None:
    known = KEYS.get(hashlib.sha256(value.encode("utf-8", "replace")).hexdigest(), meta)
    if known is None:
        return None
    if known.expires_ms is not None and known.expires_ms <= clock.now_ms():
        return None
    return known


def _header_key(meta: dict[str, Any]) -> str | None:
    """Return the key in the headers; an Authorization of another scheme is not ours to read."""
    authorization: str | None = meta.get("HTTP_AUTHORIZATION")
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        scheme = scheme.lower()
        if scheme == "bearer":
            return rest.strip()
        if scheme == "basic":
            return _basic_user(rest)
    return meta.get("HTTP_X_API_KEY") or None


def _basic_user(encoded: str) -> str | None:
    """Return the user of Basic credentials: "" when they are malformed, None when it is empty."""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[0] or None


def _query_key(request: HttpRequest) -> str | None:
    if "writeKey" not in request.META.get("QUERY_STRING", ""):
        return None
    return request.GET.get("writeKey")


def _audit_misplaced(known: KnownKey) -> None:
    site_id, key_id = known.fields[0], known.fields[3]
    now = time.monotonic()
    if now < _audited_at.get(key_id, 0.0):
        return
    _audited_at[key_id] = now + _AUDIT_PAUSE_S
    try:
        services.record_audit(
            action="access.secret_key_in_browser",
            actor=None,
            site_id=site_id,
            target_kind="access.apikey",
            target_id=str(key_id),
            detail={},
            now=clock.now(),
        )
    except DatabaseError:
        logger.exception("access.audit_lost", extra={"key_id": key_id})
