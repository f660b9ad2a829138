"""The doors of consent: POST and GET /v1/consent, and what says that signals are honoured."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import idempotency, limits
from apps.access.errors import Fault, Forbidden, InvalidRequest
from apps.access.http import Caller, authenticate, authenticate_body, hot, json_response, read_body
from apps.access.proof import verified_user_id
from apps.consent import selectors, services
from apps.consent.strings import Signal, signal_of
from apps.consent.types import CONSENT_MODE_NAMES, WIRE_NAMES, Choice, allowed, consent_mode_of
from apps.work import clock, record_watch

ROUTE: Final = "consent"
MAX_BODY_BYTES: Final = 65_536
MAX_ID_LENGTH: Final = 512
MAX_WORD_LENGTH: Final = 40
MAX_DEPTH: Final = 20
# What a device's clock says is kept as evidence, if it can be a time of this choice at all.
MAX_CLOCK_ERROR: Final = timedelta(days=400)

# An escaped NUL that is not itself escaped: Postgres keeps none, in text or in JSON.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Said(msgspec.Struct, rename="camel"):
    """The body of POST /v1/consent."""

    purposes: dict[str, bool | Literal["granted", "denied"]]
    anonymous_id: str | int | None = None
    user_id: str | int | None = None
    user_hash: str | None = None
    user_token: str | None = None
    policy_version: str | int | float | None = None
    jurisdiction: str | None = None
    method: str | None = None
    tc_string: str | None = None
    gpp: str | None = None
    us_privacy: str | None = None
    proof: Any = None
    sent_at: datetime | None = None
    write_key: str | None = None


_SAID: Final = msgspec.json.Decoder(Said)
_encode = msgspec.json.Encoder().encode
# The day on which what is honoured last changed.
_GPC_SUPPORT: Final = _encode({"gpc": True, "lastUpdate": "2026-11-22"})


@hot("POST", "GET", route=ROUTE)
def consent(request: HttpRequest) -> HttpResponse:
    """Record a choice and answer the resulting state, or read the state."""
    if request.method == "POST":
        return _post(request)
    return _get(request)


@hot("GET", route="gpc", cors="any")
def gpc_support(request: HttpRequest) -> HttpResponse:
    """GET /.well-known/gpc.json: this server honours Global Privacy Control (W3C)."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return json_response(_GPC_SUPPORT, headers=headers)


def _post(request: HttpRequest) -> HttpResponse:
    body = read_body(request, MAX_BODY_BYTES)
    caller, said = authenticate_body(request, body, _SAID)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    response = idempotency.once(request, caller, body, lambda: _recorded(caller, body, said))
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _recorded(caller: Caller, body: bytes, said: Said) -> HttpResponse:
    now = clock.now()
    if _NUL.search(body):
        raise InvalidRequest("The body holds a NUL (\\u0000), which cannot be stored.")
    user_id = _id(said.user_id, "/userId")
    if user_id is not None:
        # Where the site demands proof, nobody consents in another's name.
        user_id = verified_user_id(caller, user_id, said.user_hash, said.user_token, now)
    # What a string grants is left out: no site has a number on the vendor list yet (vendor_id).
    signal = signal_of(
        tcf=said.tc_string or None, gpp=said.gpp or None, usp=said.us_privacy or None, now=now
    )
    state = services.record_choice(
        site_id=caller.site_id,
        source_id=caller.source_id,
        identities=_identities(_id(said.anonymous_id, "/anonymousId"), user_id),
        purposes=_purposes(said.purposes),
        method=_word(said.method, "/method") or "api",
        policy_version=_word(said.policy_version, "/policyVersion"),
        gpc=caller.gpc,
        refused=signal.no,
        signals=_signals(said),
        client_at=_client_time(said.sent_at, now),
        regime=caller.regime,
        now=now,
    )
    return json_response(_encode(_worded(caller, state) | _told(said, signal)))


def _get(request: HttpRequest) -> HttpResponse:
    caller = authenticate(request)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    user_id = _id(request.GET.get("userId"), "/userId")
    if caller.kind == "pk" and user_id is not None:
        raise Forbidden("A publishable key reads consent by anonymousId.")
    identities = _identities(_id(request.GET.get("anonymousId"), "/anonymousId"), user_id)
    state = selectors.joint_choice_of(caller.site_id, identities)
    headers["Cache-Control"] = "no-store"
    return json_response(_encode(_worded(caller, state)), headers=headers)


def _word(value: str | float | None, pointer: str) -> str:
    text = "" if value is None else str(value)
    if len(text) > MAX_WORD_LENGTH:
        detail = f"Give at most {MAX_WORD_LENGTH} characters."
        fault = Fault(pointer=pointer, code="invalid", detail=detail)
        raise InvalidRequest("A field is too long.", errors=[fault])
    return text


def _signals(said: Said) -> dict[str, Any]:
    """What came along as evidence, as it came."""
    if _is_deep(said.proof, MAX_DEPTH):
        fault = Fault(pointer="/proof", code="invalid", detail="It is nested too deeply.")
        raise InvalidRequest("The proof cannot be kept.", errors=[fault])
    named = {
        "tcString": said.tc_string,
        "gpp": said.gpp,
        "usPrivacy": said.us_privacy,
        "jurisdiction": said.jurisdiction or None,
        "proof": said.proof,
    }
    return {name: value for name, value in named.items() if value is not None}


def _is_deep(value: Any, left: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return left == 0 or any(_is_deep(one, left - 1) for one in value)


def _client_time(sent_at: datetime | None, now: datetime) -> datetime | None:
    if sent_at is None:
        return None
    sent_at = sent_at if sent_at.tzinfo is not None else sent_at.replace(tzinfo=UTC)
    return sent_at if abs(now - sent_at) <= MAX_CLOCK_ERROR else None


def _id(value: str | int | None, pointer: str) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > MAX_ID_LENGTH or "\0" in text:
        fault = Fault(
            pointer=pointer, code="invalid", detail="Give an id of at most 512 characters."
        )
        raise InvalidRequest("The id cannot be used.", errors=[fault])
    return text


def _identities(anonymous_id: str | None, user_id: str | None) -> list[tuple[str, str]]:
    identities = []
    if user_id:
        identities.append(("user_id", user_id))
    if anonymous_id:
        identities.append(("anonymous_id", anonymous_id))
    if not identities:
        fault = Fault(pointer="/anonymousId", code="required", detail="Or a userId with its proof.")
        raise InvalidRequest("Say whose consent it is: send anonymousId or userId.", errors=[fault])
    return identities


def _purposes(said: Mapping[str, bool | str]) -> dict[str, bool]:
    """Return wire names; Google Consent Mode keys are understood, a no of any of them counts."""
    purposes: dict[str, bool] = {}
    for key, answer in said.items():
        name = key.lower()
        if name in CONSENT_MODE_NAMES:
            name = str(CONSENT_MODE_NAMES[name].name).lower()
        if name not in WIRE_NAMES:
            escaped = key[:60].replace("~", "~0").replace("/", "~1")
            known = ", ".join([*WIRE_NAMES, *CONSENT_MODE_NAMES])
            fault = Fault(
                pointer=f"/purposes/{escaped}", code="unknown_purpose", detail=f"Known: {known}."
            )
            raise InvalidRequest("A purpose is not known.", errors=[fault])
        purposes[name] = purposes.get(name, True) and answer in (True, "granted")
    if not purposes:
        fault = Fault(pointer="/purposes", code="required", detail="Name at least one purpose.")
        raise InvalidRequest("`purposes` names at least one purpose.", errors=[fault])
    return purposes


def _worded(caller: Caller, state: Choice) -> dict[str, Any]:
    """What may be done now, what was said about it, and under which rules."""
    served = allowed(state, mode=caller.consent_mode, gpc=caller.gpc)
    return {
        "purposes": {name: bool(served & purpose) for name, purpose in WIRE_NAMES.items()},
        "recorded": {
            name: bool(state.granted & purpose)
            for name, purpose in WIRE_NAMES.items()
            if (state.granted | state.denied) & purpose
        },
        "epoch": state.epoch,
        "regime": caller.regime,
        "gpc": caller.gpc,
        "consentMode": consent_mode_of(served),
    }


def _told(said: Said, signal: Signal) -> dict[str, Any]:
    """What the strings came to, in codes; nothing where none came."""
    has_strings = said.tc_string or said.gpp or said.us_privacy
    return {"notes": list(signal.notes)} if has_strings else {}
