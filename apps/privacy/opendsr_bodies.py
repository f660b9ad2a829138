"""Reading OpenDSR requests: strict about what the text requires, with each fault by its place."""

import hashlib
import re
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.conf import settings

from apps.access import targets
from apps.access.errors import Fault, InvalidRequest
from apps.privacy import mailing
from apps.privacy.subjects import EMAIL, Name

MAX_IDENTITIES: Final = 20
MAX_CALLBACKS: Final = 5
MAX_URL: Final = 2_000
MAX_VALUE: Final = 512
REGULATIONS: Final = ("gdpr", "ccpa")
TYPES: Final = ("access", "portability", "erasure")
# (identity_type, identity_format) -> as the record knows it.
IDENTITIES: Final[dict[tuple[str, str], str]] = {
    ("email", "raw"): EMAIL,
    ("email", "sha256"): "email_sha256",
    ("controller_customer_id", "raw"): "user_id",
}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_decode = msgspec.json.Decoder().decode


class Asked(msgspec.Struct, frozen=True):
    """What a controller asks for; `digest` tells another body under the same id."""

    id: UUID
    regulation: str
    kind: str
    names: tuple[Name, ...]
    callbacks: tuple[str, ...]
    digest: str


def asked_in(body: bytes, *, domain: str) -> Asked:
    """Return what a body asks for.

    Args:
        domain: ours: extensions of others are not for us.

    Raises:
        InvalidRequest: with every fault that was found.
    """
    try:
        given = _decode(body)
    except msgspec.DecodeError:
        raise InvalidRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise InvalidRequest("The body is a JSON object.")
    faults: list[Fault] = []
    regulation = _one_of(given, "regulation", REGULATIONS, faults)
    kind = _one_of(given, "subject_request_type", TYPES, faults)
    request_id = given.get("subject_request_id")
    if not isinstance(request_id, str) or not is_id(request_id):
        faults.append(_fault("/subject_request_id", "A lower-case UUID of version 4 is required."))
    if not _is_time(given.get("submitted_time")):
        faults.append(_fault("/submitted_time", "A time as in RFC 3339 is required."))
    names = [*_identities(given, faults), *_extended(given, domain, faults)]
    if not names and not faults:
        faults.append(_fault("/subject_identities", "At least one identity is required."))
    callbacks = _callbacks(given, faults)
    if faults:
        raise InvalidRequest(faults[0]["detail"], errors=faults)
    return Asked(
        id=UUID(request_id),
        regulation=regulation,
        kind=kind,
        names=tuple(dict.fromkeys(names)),
        callbacks=tuple(callbacks),
        digest=_digest(given),
    )


def is_id(text: str) -> bool:
    """Whether a text is an id as OpenDSR wants them."""
    return _UUID4.fullmatch(text) is not None


def _one_of(given: dict[str, Any], key: str, known: tuple[str, ...], faults: list[Fault]) -> str:
    value = given.get(key)
    if isinstance(value, str) and value in known:
        return value
    faults.append(_fault(f"/{key}", f"{key} is required: {', '.join(known)}."))
    return ""


def _identities(given: dict[str, Any], faults: list[Fault]) -> list[Name]:
    items = given.get("subject_identities", [])
    if not isinstance(items, list) or len(items) > MAX_IDENTITIES:
        faults.append(_fault("/subject_identities", f"A list of at most {MAX_IDENTITIES}."))
        return []
    found = []
    for place, item in enumerate(items):
        name = _identity(item)
        if name is None:
            faults.append(
                _fault(
                    f"/subject_identities/{place}",
                    "An identity has an identity_type, identity_format and identity_value that "
                    "discovery names.",
                )
            )
        else:
            found.append(name)
    return found


def _identity(item: object) -> Name | None:
    if not isinstance(item, dict):
        return None
    parts = [item.get(f"identity_{key}") for key in ("type", "format", "value")]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    type_, format_, value = (str(part) for part in parts)
    kind = IDENTITIES.get((type_, format_))
    if kind is None or len(value) > MAX_VALUE or "\x00" in value:
        return None
    if kind == "email_sha256":
        value = value.lower()
        return (kind, value) if _SHA256.fullmatch(value) else None
    if kind == EMAIL:
        try:
            return kind, mailing.address_of(value)
        except InvalidRequest:
            return None
    return kind, value


def _extended(given: dict[str, Any], domain: str, faults: list[Fault]) -> list[Name]:
    """Visitor ids, which OpenDSR has no word for: `{domain: {anonymous_ids: [...]}}`."""
    extensions = given.get("extensions", {})
    if not isinstance(extensions, dict):
        faults.append(_fault("/extensions", "An object, keyed by domains."))
        return []
    own = extensions.get(domain, {})
    ids: Any = own.get("anonymous_ids", []) if isinstance(own, dict) else None
    if isinstance(ids, list) and len(ids) <= MAX_IDENTITIES and all(map(_is_visitor_id, ids)):
        return [("anonymous_id", one) for one in ids]
    faults.append(_fault(f"/extensions/{domain}", "anonymous_ids is a list of visitor ids."))
    return []


def _is_visitor_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_VALUE and "\x00" not in value


def _callbacks(given: dict[str, Any], faults: list[Fault]) -> list[str]:
    urls = given.get("status_callback_urls", [])
    if not isinstance(urls, list) or len(urls) > MAX_CALLBACKS:
        faults.append(_fault("/status_callback_urls", f"A list of at most {MAX_CALLBACKS}."))
        return []
    for place, url in enumerate(urls):
        try:
            if not isinstance(url, str) or len(url) > MAX_URL:
                raise targets.ForbiddenTarget("An address starts with https:// or http://.")
            targets.check(url)
        except (targets.ForbiddenTarget, ValueError) as error:
            faults.append(_fault(f"/status_callback_urls/{place}", str(error)))
    return urls


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _fault(pointer: str, detail: str) -> Fault:
    return Fault(pointer=pointer, code="invalid", detail=detail)


def _digest(given: dict[str, Any]) -> str:
    """Keyed, because a body names people; of what it says, however it is spelt."""
    key = hashlib.blake2b(settings.SIGNING_KEY.encode(), digest_size=64).digest()
    text = msgspec.json.encode(given, order="deterministic")
    return hashlib.blake2b(text, key=key, person=b"attune.opendsr", digest_size=32).hexdigest()
