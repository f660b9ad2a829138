"""The doors of delivery: decide, exposures, conversions."""

from time import perf_counter
from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.access.errors import Forbidden
from apps.access.http import (
    authenticate_body,
    hot,
    json_response,
    read_body,
    request_id,
)
from apps.access.proof import verified_user_id
from apps.access.types import Caller
from apps.decisions import selectors, services
from apps.delivery import deciding, outcome_bodies, outcomes, wording
from apps.delivery.previewing.answers import answered
from apps.delivery.questions import MAX_BODY_BYTES, QUESTION, Question, asked_of, id_text
from apps.work import clock, record_watch

DECIDE: Final = "decide"
OUTCOMES: Final = "outcomes"
MAX_OUTCOMES_BYTES: Final = 512_000


@hot("POST", route=DECIDE)
def decide(request: HttpRequest) -> HttpResponse:
    """POST /v1/decide: what to show in these placements, to this visitor, now."""
    start = perf_counter()
    body = read_body(request, MAX_BODY_BYTES)
    caller, question = authenticate_body(request, body, QUESTION)
    asked = asked_of(question)
    if question.explain and caller.kind != "sk":
        raise Forbidden("An explanation needs a secret key.")
    now_ms = clock.now_ms()
    anonymous_id, user_id = _named(caller, question, now_ms)
    identities = [
        f"{kind}:{value}"
        for kind, value in (("user_id", user_id), ("anonymous_id", anonymous_id))
        if value is not None
    ]
    if question.preview:
        return answered(request, caller, question, asked, identities)
    arrival = selectors.arrive(caller, identities, DECIDE)
    served = selectors.current(caller.site_id, arrival.announced)
    services.start_watching()
    arrived = perf_counter()
    call = deciding.Call(
        caller,
        request_id(request),
        identities[0] if identities else "",
        anonymous_id or user_id or "",
        asked,
        question.context or {},
        question.facts or {},
        request.META,
        bool(question.explain),
        now_ms,
    )
    decided = deciding.decide(call, arrival, served)
    answer = wording.worded(decided)
    services.record(wording.record_of(decided, perf_counter() - arrived, decided.reads))
    headers = {
        "ETag": answer.etag,
        "Cache-Control": "private, no-cache",
        "Server-Timing": _timing(decided, start, arrived),
        **arrival.headers,
    }
    response = not_changed(request, answer.etag) if decided.may_repeat else None
    if response is None:
        return json_response(answer.body, headers=headers)
    for name, value in headers.items():
        response[name] = value
    return response


def _named(caller: Caller, question: Question, now_ms: int) -> tuple[str | None, str | None]:
    """The anonymous id and the login that a question names; of a page the login it can prove."""
    anonymous_id = id_text(question.anonymous_id, "anonymousId")
    user_id = id_text(question.user_id, "userId")
    if caller.kind == "pk" and (question.user_token or caller.is_user_proof_required):
        user_id = verified_user_id(
            caller, user_id, question.user_hash, question.user_token, clock.from_ms(now_ms)
        )
    return anonymous_id, user_id


def _timing(decided: deciding.Decided, start: float, arrived: float) -> str:
    """The call's spans in ms; `start` and `arrived` are perf_counter() values."""
    return (
        f"facts;dur={(arrived - start) * 1000:.2f}, rules;dur={decided.rules_s * 1000:.2f}, "
        f"model;dur=0, render;dur={decided.render_s * 1000:.2f}, "
        f"total;dur={(perf_counter() - start) * 1000:.2f}"
    )


def not_changed(request: HttpRequest, etag: str) -> HttpResponse | None:
    """Return a 304 if the caller has this answer. Compared weakly: proxies add or drop `W/`."""
    known = request.META.get("HTTP_IF_NONE_MATCH")
    if known is None:
        return None
    bare = etag.removeprefix("W/")
    if known.strip() != "*" and bare not in (
        one.strip().removeprefix("W/") for one in known.split(",")
    ):
        return None
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return response


@hot("POST", route="exposures")
def exposures(request: HttpRequest) -> HttpResponse:
    """POST /v1/exposures: what was really shown on a screen."""
    body = read_body(request, MAX_OUTCOMES_BYTES)
    caller, given = authenticate_body(
        request, body, outcome_bodies.EXPOSURES, allow=("pk", "sk", "ek")
    )
    record_watch.require()
    agent = request.META.get("HTTP_USER_AGENT", "")
    receipt, headers = outcomes.record_exposures(caller, given, OUTCOMES, clock.now(), agent)
    return json_response(receipt, headers=headers)


@hot("POST", route="conversions")
def conversions(request: HttpRequest) -> HttpResponse:
    """POST /v1/conversions: what a visitor did that a goal counts."""
    body = read_body(request, MAX_OUTCOMES_BYTES)
    caller, given = authenticate_body(request, body, outcome_bodies.CONVERSIONS)
    record_watch.require()
    receipt, headers = outcomes.record_conversions(caller, given, OUTCOMES, clock.now())
    return json_response(receipt, headers=headers)
