"""What a page would show: to somebody in given segments, at another time, or by the drafts.

An editor's token says what to pretend. Such an answer counts nowhere: nothing is recorded, no
budget is held, no decision has an id to expose, and no cache may keep it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest, RequestRefused, Unavailable
from apps.access.http import authenticate_body, hot, json_response, read_body, request_id
from apps.access.types import Caller
from apps.consent.types import Purpose
from apps.decisions import selectors, services
from apps.decisions.selectors import Arrival, Served
from apps.decisions.types import Bounded, HotProfile
from apps.delivery import deciding, wording
from apps.delivery.questions import MAX_BODY_BYTES, Question
from apps.segments.live import encode_stays
from apps.work import clock, record_watch
from apps.work.ids import uuid7
from engine.compiling import compile_snapshot
from engine.decide import Reason
from engine.errors import PersonalizationError
from engine.snapshot import SnapshotDoc, encode_snapshot

PREFIX: Final = "prv_"
LONGEST_H: Final = 72
MAX_SEGMENTS: Final = 100
ROUTE: Final = "previews"
DECIDE: Final = "decide"
_SALT: Final = "attune.preview"
_MAX_LENGTH: Final = 8_000
_KEPT: Final = "preview"  # the place in what a publication has prepared
DRAFT_S: Final = 1.0
_INSIDE: Final = (True, None, None, None, 0)
_EVERYTHING: Final = int(~Purpose(0))


class _Drafted(NamedTuple):
    """One site's drafts, compiled.

    Attributes:
        until: time.monotonic() until which nobody looks whether they have changed.
        digest: of the drafts.
    """

    until: float
    digest: str
    served: Served


_drafts: Final[Bounded[_Drafted]] = Bounded(32)


class InvalidPreview(RequestRefused):
    """A preview token that this server has not given for this site, or that is over (400)."""

    code = "invalid_preview"

    def __init__(self) -> None:
        super().__init__("This preview is not one of this site, or its time is over.")


class Pretence(msgspec.Struct, frozen=True):
    """What a token says.

    Attributes:
        site: its id in hex.
        ends_ms: when it is over, Unix ms.
        segments: keys of those that the visitor is in, and no others; None: as they are.
        at_ms: the instant to decide at; None: now.
        draft: by the drafts, not by what is published.
    """

    site: str
    ends_ms: int
    segments: list[str] | None = None
    at_ms: int | None = None
    draft: bool = False


class Asked(msgspec.Struct, rename="camel"):
    """The body of POST /v1/previews."""

    segments: list[str] | None = None
    at: datetime | None = None
    draft: bool = False
    hours: int = 24
    write_key: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)
_encode = msgspec.json.Encoder().encode


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
    known = served_for(caller.site_id, is_draft=asked.draft).compiled.segments
    for key in asked.segments or ():
        if key not in known:
            raise _refused("/segments", "It names a segment that is not published.")
    if len(asked.segments or ()) > MAX_SEGMENTS:
        raise _refused("/segments", f"At most {MAX_SEGMENTS} segments.")
    ends = clock.now() + timedelta(hours=asked.hours)
    pretence = Pretence(
        caller.site_id.hex,
        clock.to_ms(ends),
        asked.segments,
        None if asked.at is None else clock.to_ms(asked.at),
        asked.draft,
    )
    answer = {
        "preview": token_of(pretence),
        "expiresAt": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json_response(_encode(answer), headers={**headers, "Cache-Control": "no-store"})


def token_of(pretence: Pretence) -> str:
    """Return the token that says this."""
    said = msgspec.to_builtins(pretence)
    return PREFIX + signing.dumps(said, key=settings.SIGNING_KEY, salt=_SALT, compress=True)


def pretence_of(site_id: UUID, token: str, now_ms: int) -> Pretence:
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
    if found.site != site_id.hex or found.ends_ms <= now_ms:
        raise InvalidPreview
    return found


def served_for(site_id: UUID, *, is_draft: bool, announced: bytes | None = None) -> Served:
    """Return what a preview is decided by: nobody is held out of it.

    Compiling takes a hundred times what deciding does. A publication is compiled once, drafts
    whenever they have changed; they are looked at again after DRAFT_S.

    Raises:
        Unavailable: it is not known now.
        InvalidContent, InvalidCondition, InvalidSnapshot: the drafts contradict themselves.
    """
    if is_draft:
        return _drafted(site_id)
    served = selectors.current(site_id, announced)
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    kept: Served | None = served.prepared.get(_KEPT)
    if kept is None:
        kept = served.prepared[_KEPT] = _without_holdouts(served.compiled.doc)
    return kept


def _drafted(site_id: UUID) -> Served:
    kept = _drafts.get(site_id.hex)
    if kept is not None and monotonic() < kept.until:
        return kept.served
    record_watch.require()
    document = services.draft_document(site_id)
    digest = hashlib.sha256(encode_snapshot(document)).hexdigest()
    is_same = kept is not None and kept.digest == digest
    served = kept.served if kept is not None and is_same else _without_holdouts(document)
    _drafts.put(site_id.hex, _Drafted(monotonic() + DRAFT_S, digest, served))
    return served


def _without_holdouts(document: SnapshotDoc) -> Served:
    return Served(compile_snapshot(msgspec.structs.replace(document, holdouts=[])))


def answered(
    request: HttpRequest,
    caller: Caller,
    question: Question,
    asked: Sequence[tuple[str, int | None]],
    identities: Sequence[str],
) -> HttpResponse:
    """Return the answer of a decide call that pretends something.

    Args:
        identities: "kind:value" of whom the page is, who is looked up as always.

    Raises:
        InvalidPreview: the token says nothing here.
        InvalidRequest: the drafts contradict themselves.
    """
    now_ms = clock.now_ms()
    arrival = selectors.arrive(caller, identities, DECIDE)
    pretence = pretence_of(caller.site_id, question.preview or "", now_ms)
    try:
        served = served_for(caller.site_id, is_draft=pretence.draft, announced=arrival.announced)
    except RequestRefused:
        raise
    except PersonalizationError as error:  # the drafts have changed since the token was given
        raise InvalidRequest(f"The drafts cannot be shown. {error}") from error
    call = deciding.Call(
        # An editor looks, no visitor: nobody's consent is needed to show them everything.
        msgspec.structs.replace(caller, consent_mode="assumed"),
        request_id(request),
        f"preview:{uuid7()}",
        str(question.anonymous_id or question.user_id or "preview"),
        asked,
        question.context or {},
        question.facts or {},
        request.META,
        bool(question.explain),
        now_ms if pretence.at_ms is None else pretence.at_ms,
        is_pretended=True,
    )
    profile = _pretended(arrival.profile, pretence, served)
    decided = deciding.decide(call, Arrival(profile), served)
    answer: dict[str, Any] = msgspec.json.decode(wording.worded(decided).body)
    answer["segmentKey"] = None
    for entry in answer["placements"].values():
        if entry["reason"] != Reason.ERROR.value:
            entry["reason"], entry["decisionId"] = Reason.PREVIEW.value, None
    headers = {**arrival.headers, "Cache-Control": "private, no-store"}
    return json_response(_encode(answer), headers=headers)


def _pretended(profile: HotProfile | None, pretence: Pretence, served: Served) -> HotProfile | None:
    """The visitor as the token has them: without a history of showings, in these segments alone."""
    if profile is not None:
        profile = msgspec.structs.replace(profile, caps=b"")
    if pretence.segments is None:
        return profile
    if profile is None:
        profile = HotProfile(uuid7().bytes, "preview", 0, 0, 0, 0, b"", {}, [], 0, [])
    known = served.compiled.segments
    stays = {known[key].number: _INSIDE for key in pretence.segments if key in known}
    return msgspec.structs.replace(
        profile, granted=_EVERYTHING, denied=0, memberships=encode_stays(stays)
    )


def _refused(pointer: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": pointer, "code": "invalid", "detail": detail}
    return InvalidRequest(detail, errors=[fault])
