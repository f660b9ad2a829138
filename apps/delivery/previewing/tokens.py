"""Tokens that say what to pretend, and the door that gives them: POST /v1/previews.

A token travels in addresses and pages of the site. It never says to be a real person.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest, RequestRefused
from apps.access.http import authenticate_body, hot, json_response, read_body
from apps.delivery.previewing.content import known_segments, source_of
from apps.delivery.previewing.types import (
    MAX_SEGMENTS,
    AsPerson,
    AsSegments,
    AsVisitor,
    Drafts,
    PreviewSpec,
    Serving,
)
from apps.delivery.questions import MAX_BODY_BYTES
from apps.work import clock, record_watch

PREFIX: Final = "prv_"
LONGEST_H: Final = 72
ROUTE: Final = "previews"
_SALT: Final = "attune.preview"
_MAX_LENGTH: Final = 8_000
MAX_ARMS: Final = 20
MAX_KEY: Final = 100

_encode = msgspec.json.Encoder().encode


class InvalidPreview(RequestRefused):
    """A preview token that this server has not given for this site, or that is over (400)."""

    code = "invalid_preview"

    def __init__(self) -> None:
        super().__init__("This preview is not one of this site, or its time is over.")


class Pretence(msgspec.Struct, frozen=True):
    """What a token says: a preview, and when it is over (Unix ms)."""

    spec: PreviewSpec
    ends_ms: int


class Asked(msgspec.Struct, rename="camel"):
    """The body of POST /v1/previews."""

    segments: list[str] | None = None
    arms: dict[str, str] = {}
    at: datetime | None = None
    draft: bool = False
    hours: int = 24
    write_key: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)


@hot("POST", route=ROUTE)
def previews(request: HttpRequest) -> HttpResponse:
    """POST /v1/previews: a token to send as `preview` to /v1/decide."""
    body = read_body(request, MAX_BODY_BYTES)
    caller, asked = authenticate_body(request, body, _ASKED, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    if not 1 <= asked.hours <= LONGEST_H:
        raise _refused("/hours", f"A preview lasts 1 to {LONGEST_H} hours.")
    if asked.at is not None and asked.at.tzinfo is None:
        raise _refused("/at", "A time such as 2026-12-31T12:00:00Z.")
    if asked.at is not None and not 2000 <= asked.at.year < 2100:
        raise _refused("/at", "A time of the years 2000 to 2099.")
    keys = tuple(asked.segments or ())
    if len(keys) > MAX_SEGMENTS:
        raise _refused("/segments", f"At most {MAX_SEGMENTS} segments.")
    spec = PreviewSpec(
        site_id=caller.site_id,
        who=AsVisitor() if asked.segments is None else AsSegments(keys),
        at_ms=None if asked.at is None else clock.to_ms(asked.at),
        content=Drafts() if asked.draft else Serving(),
        arms=_arms_of(asked.arms),
    )
    known = source_of(spec).served.compiled.segments.keys()
    absent = set(keys) - known
    if absent and (not asked.draft or absent - known_segments(caller.site_id, absent)):
        raise _refused("/segments", "It names a segment that is not published.")
    ends = clock.now() + timedelta(hours=asked.hours)
    answer = {
        "preview": token_of(spec, clock.to_ms(ends)),
        "expiresAt": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json_response(_encode(answer), headers={**headers, "Cache-Control": "no-store"})


def _arms_of(asked: dict[str, str]) -> dict[str, str]:
    """Experiment key -> arm key. One that does not run, or has no such arm, deals as it does."""
    keys = [*asked, *asked.values()]
    if len(asked) > MAX_ARMS or any(not 0 < len(key) <= MAX_KEY for key in keys):
        raise _refused("/arms", f"At most {MAX_ARMS} experiments, each with the key of an arm.")
    return asked


def token_of(spec: PreviewSpec, ends_ms: int) -> str:
    """Return the token that says this.

    Raises:
        InvalidRequest: it is a preview of a real person.
    """
    if isinstance(spec.who, AsPerson):
        raise InvalidRequest("A preview of a real person is not given away.")
    said = msgspec.to_builtins(Pretence(spec, ends_ms))
    return PREFIX + signing.dumps(said, key=settings.SIGNING_KEY, salt=_SALT, compress=True)


def pretence_of(site_id: UUID, token: str, now_ms: int) -> PreviewSpec:
    """Return what a token says.

    Raises:
        InvalidPreview: it is not ours, of another site, or over.
    """
    if not token.startswith(PREFIX) or len(token) > _MAX_LENGTH:
        raise InvalidPreview
    try:
        said = signing.loads(
            token.removeprefix(PREFIX),
            key=settings.SIGNING_KEY,
            salt=_SALT,
            fallback_keys=list(settings.SIGNING_KEYS_RETIRED),
        )
        found = msgspec.convert(said, Pretence)
    except (signing.BadSignature, msgspec.ValidationError, ValueError):
        raise InvalidPreview from None
    if found.spec.site_id != site_id or found.ends_ms <= now_ms:
        raise InvalidPreview
    if isinstance(found.spec.who, AsPerson):
        raise InvalidPreview
    return found.spec


def is_good(site_id: UUID, token: str, now_ms: int) -> bool:
    """Whether a token says something of this site now: its page may then be framed by the desk."""
    try:
        pretence_of(site_id, token, now_ms)
    except InvalidPreview:
        return False
    return True


def _refused(pointer: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": pointer, "code": "invalid", "detail": detail}
    return InvalidRequest(detail, errors=[fault])
