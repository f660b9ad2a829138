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
from apps.consent import gates, holds, selectors, services, state
from apps.consent.circumstances import seen_of
from apps.consent.state import Consents
from apps.consent.strings import Signal, signal_of
from apps.consent.types import (
    CONSENT_MODE_NAMES,
    OPTED_OUT,
    PURPOSE_NAMES,
    WIRE_NAMES,
    Choice,
    consent_mode_of,
    names_of,
)
from apps.profiles.parts import instant
from apps.work import clock, record_watch

ROUTE: Final = "consent"
MAX_BODY_BYTES: Final = 65_536
MAX_ID_LENGTH: Final = 512
MAX_WORD_LENGTH: Final = 40
MAX_DEPTH: Final = 20
MAX_CONTROLS: Final = 10
# What a device's clock says is kept as evidence, if it can be a time of this choice at all.
MAX_CLOCK_ERROR: Final = timedelta(days=400)

# An escaped NUL that is not itself escaped: Postgres keeps none, in text or in JSON.
_RESIDENCE: Final = re.compile(r"[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?")
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
    language: str | None = None
    controls: dict[str, str] | None = None
    conflict_shown: bool = False
    gpc: bool = False
    residence: str | None = None
    under_age: bool | None = None
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
    response = idempotency.once(
        request, caller, body, lambda: _recorded(request, caller, said, body)
    )
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _recorded(request: HttpRequest, caller: Caller, said: Said, body: bytes) -> HttpResponse:
    now = clock.now()
    if said.gpc:  # navigator.globalPrivacyControl, as the page's script has read it
        caller = msgspec.structs.replace(caller, gpc=True)
    if _NUL.search(body):
        raise InvalidRequest("The body holds a NUL (\\u0000), which cannot be stored.")
    user_id = _id(said.user_id, "/userId")
    if user_id is not None:
        # Where the site demands proof, nobody consents in another's name.
        user_id = verified_user_id(caller, user_id, said.user_hash, said.user_token, now)
    signal = _signal_of(caller, said, now)
    identities = _identities(_id(said.anonymous_id, "/anonymousId"), user_id)
    purposes = _purposes(said.purposes)
    if said.under_age is not None:
        _servers_only(caller, said, "/underAge")
    choice = services.record_choice(
        site_id=caller.site_id,
        source_id=caller.source_id,
        identities=identities,
        purposes=purposes,
        method=_word(said.method, "/method") or "api",
        policy_version=_word(said.policy_version, "/policyVersion"),
        gpc=caller.gpc,
        refused=signal.no,
        granted=signal.yes,
        opted_out=OPTED_OUT if signal.is_opt_out else 0,
        signals=_signals(said),
        client_at=_client_time(said.sent_at, now),
        regime=caller.regime,
        asking=caller,
        has_shown_conflict=said.conflict_shown,
        residence=_residence(caller, said),
        language=_word(said.language, "/language"),
        details={
            "controls": _controls(said.controls),
            **seen_of(caller, request.META.get("HTTP_USER_AGENT", "")),
        },
        now=now,
    )
    if said.under_age is not None and user_id is not None:
        holds.mark_minor(caller.site_id, user_id, is_minor=said.under_age, now=now)
        choice = selectors.joint_choice_of(caller.site_id, identities)
    consents = selectors.consents_of(caller.site_id, identities)
    answer = _worded(caller, choice, consents) | _told(said, signal)
    return json_response(_encode(answer | _conflicts(purposes, consents)))


def _signal_of(caller: Caller, said: Said, now: datetime) -> Signal:
    return signal_of(
        tcf=said.tc_string or None,
        gpp=said.gpp or None,
        usp=said.us_privacy or None,
        vendor_id=caller.tcf_vendor_id,
        now=now,
    )


def _conflicts(purposes: Mapping[str, bool], consents: Consents) -> dict[str, list[str]]:
    """Yeses against which a signal stands: the page tells the person, and asks once more."""
    yes = sum(int(PURPOSE_NAMES[name]) for name, is_yes in purposes.items() if is_yes)
    against = names_of(state.conflicts(consents, yes))
    return {"conflicts": against} if against else {}


def _get(request: HttpRequest) -> HttpResponse:
    caller = authenticate(request)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    user_id = _id(request.GET.get("userId"), "/userId")
    if caller.kind == "pk" and user_id is not None:
        raise Forbidden("A publishable key reads consent by anonymousId.")
    identities = _identities(_id(request.GET.get("anonymousId"), "/anonymousId"), user_id)
    choice = selectors.joint_choice_of(caller.site_id, identities)
    consents = selectors.consents_of(caller.site_id, identities)
    headers["Cache-Control"] = "no-store"
    return json_response(_encode(_worded(caller, choice, consents)), headers=headers)


def _residence(caller: Caller, said: Said) -> str | None:
    """Where the person says they live, which a site's own server declares of a known person.

    Raises:
        InvalidRequest: not an ISO 3166 code, or not a server's to say: it might loosen a default.
    """
    if said.residence is None:
        return None
    _servers_only(caller, said, "/residence")
    if said.residence and _RESIDENCE.fullmatch(said.residence) is None:
        detail = 'Give an ISO 3166 code: "DE", "US-CA", or "" for none.'
        fault = Fault(pointer="/residence", code="invalid", detail=detail)
        raise InvalidRequest("The residence cannot be used.", errors=[fault])
    return said.residence.upper()


def _servers_only(caller: Caller, said: Said, pointer: str) -> None:
    if caller.kind != "sk" or said.user_id in (None, ""):
        detail = "Only a secret key says it, of a userId."
        fault = Fault(pointer=pointer, code="invalid", detail=detail)
        raise InvalidRequest("A field is not this caller's to send.", errors=[fault])


def _controls(said: dict[str, str] | None) -> dict[str, str]:
    """Which control was used, of which interface: a few short words."""
    found = said or {}
    long = (text for pair in found.items() for text in pair if len(text) > MAX_WORD_LENGTH)
    if len(found) > MAX_CONTROLS or next(long, None) is not None:
        detail = f"Give at most {MAX_CONTROLS} words of at most {MAX_WORD_LENGTH} characters."
        fault = Fault(pointer="/controls", code="invalid", detail=detail)
        raise InvalidRequest("The controls cannot be kept.", errors=[fault])
    return found


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
        if name not in PURPOSE_NAMES:
            escaped = key[:60].replace("~", "~0").replace("/", "~1")
            known = ", ".join([*PURPOSE_NAMES, *CONSENT_MODE_NAMES])
            fault = Fault(
                pointer=f"/purposes/{escaped}", code="unknown_purpose", detail=f"Known: {known}."
            )
            raise InvalidRequest("A purpose is not known.", errors=[fault])
        purposes[name] = purposes.get(name, True) and answer in (True, "granted")
    if not purposes:
        fault = Fault(pointer="/purposes", code="required", detail="Name at least one purpose.")
        raise InvalidRequest("`purposes` names at least one purpose.", errors=[fault])
    return purposes


def _worded(caller: Caller, choice: Choice, consents: Consents) -> dict[str, Any]:
    """What may be done now, what was said about it, and under which rules."""
    now_ms = clock.now_ms()
    served = gates.permitted_to(caller, choice, now_ms)
    found = gates.found_for(caller, choice.residence)
    ask_again_ms = state.ask_again_ms(consents)
    return {
        "purposes": {name: bool(served & purpose) for name, purpose in WIRE_NAMES.items()},
        "finer": {
            name: bool(served & purpose)
            for name, purpose in PURPOSE_NAMES.items()
            if name not in WIRE_NAMES
        },
        "recorded": {
            name: bool(choice.granted & purpose)
            for name, purpose in PURPOSE_NAMES.items()
            if (choice.granted | choice.denied) & purpose
        },
        "epoch": choice.epoch,
        "regime": found.regime,
        "regimeSource": found.source,
        "askAgainAt": None if ask_again_ms <= now_ms else instant(clock.from_ms(ask_again_ms)),
        "gpc": caller.gpc,
        "signalHonoured": caller.gpc or state.is_signalled(consents),
        "consentMode": consent_mode_of(served),
    }


def _told(said: Said, signal: Signal) -> dict[str, Any]:
    """What the strings came to, in codes; nothing where none came."""
    has_strings = said.tc_string or said.gpp or said.us_privacy
    return {"notes": list(signal.notes)} if has_strings else {}
