"""The door of consent: POST and GET /v1/consent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, Forbidden, InvalidRequest
from apps.access.http import Caller, authenticate, hot, json_response, parse, read_body
from apps.access.proof import verified_user_id
from apps.consent import selectors, services
from apps.consent.types import CONSENT_MODE_NAMES, WIRE_NAMES, Choice, allowed
from apps.work import clock

ROUTE: Final = "consent"
MAX_BODY_BYTES: Final = 65_536
MAX_ID_LENGTH: Final = 512


class Said(msgspec.Struct, rename="camel"):
    """The body of POST /v1/consent."""

    purposes: dict[str, bool]
    anonymous_id: str | int | None = None
    user_id: str | int | None = None
    user_hash: str | None = None
    user_token: str | None = None
    policy_version: str = ""
    jurisdiction: str = ""
    method: str = "api"
    tc_string: str | None = None
    gpp: str | None = None
    proof: Any = None
    sent_at: datetime | None = None
    write_key: str | None = None


_SAID: Final = msgspec.json.Decoder(Said)
_encode = msgspec.json.Encoder().encode


@hot("POST", "GET", route=ROUTE)
def consent(request: HttpRequest) -> HttpResponse:
    """Record a choice and answer the resulting state, or read the state."""
    if request.method == "POST":
        return _post(request)
    return _get(request)


def _post(request: HttpRequest) -> HttpResponse:
    said = parse(_SAID, read_body(request, MAX_BODY_BYTES))
    caller = authenticate(request, said.write_key)
    headers = limits.enforce(caller, ROUTE)
    now = clock.now()
    user_id = _id(said.user_id, "/userId")
    if caller.kind == "pk" and user_id is not None:
        # A browser may speak for a login only with the site's proof: consent is never guessed.
        user_id = verified_user_id(caller, user_id, said.user_hash, said.user_token, now)
    identities = _identities(_id(said.anonymous_id, "/anonymousId"), user_id)
    state = services.record_choice(
        site_id=caller.site_id,
        source_id=caller.source_id,
        identities=identities,
        purposes=_purposes(said.purposes),
        method=said.method[:40],
        policy_version=said.policy_version[:40],
        gpc=caller.gpc,
        signals={
            name: value
            for name, value in (
                ("tcString", said.tc_string),
                ("gpp", said.gpp),
                ("jurisdiction", said.jurisdiction or None),
                ("proof", said.proof),
            )
            if value is not None
        },
        client_at=said.sent_at,
        regime=caller.regime,
        now=now,
    )
    return json_response(_encode(_worded(caller, state)), headers=headers)


def _get(request: HttpRequest) -> HttpResponse:
    caller = authenticate(request, request.GET.get("writeKey"))
    headers = limits.enforce(caller, ROUTE)
    user_id = request.GET.get("userId")
    if caller.kind == "pk" and user_id is not None:
        raise Forbidden("A publishable key reads consent by anonymousId.")
    identities = _identities(request.GET.get("anonymousId"), user_id)
    state = Choice()
    for choice in selectors.choices_of(caller.site_id, identities).values():
        state = state.stricter(choice)
    return json_response(_encode(_worded(caller, state)), headers=headers)


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
        raise InvalidRequest("Say whose consent it is: send anonymousId or userId.")
    return identities


def _purposes(said: Mapping[str, bool]) -> dict[str, bool]:
    """Return wire names; Google Consent Mode keys are understood, a no of any of them counts."""
    purposes: dict[str, bool] = {}
    for key, is_yes in said.items():
        name = key.lower()
        if name in CONSENT_MODE_NAMES:
            name = str(CONSENT_MODE_NAMES[name].name).lower()
        if name not in WIRE_NAMES:
            known = ", ".join(WIRE_NAMES)
            fault = Fault(
                pointer=f"/purposes/{key[:60]}", code="unknown_purpose", detail=f"Known: {known}."
            )
            raise InvalidRequest("A purpose is not known.", errors=[fault])
        purposes[name] = purposes.get(name, True) and is_yes
    if not purposes:
        raise InvalidRequest("`purposes` names at least one purpose.")
    return purposes


def _worded(caller: Caller, state: Choice) -> dict[str, Any]:
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
    }
