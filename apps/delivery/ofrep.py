"""The doors of OpenFeature (OFREP): one flag, or all of them.

Decided as /v1/decide decides; only the words differ. To evaluate is not to show: nothing counts
here until an exposure says so.
"""

import re
import time
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.errors import (
    Forbidden,
    InvalidRequest,
    RateLimited,
    SecretKeyInBrowser,
    Unauthenticated,
)
from apps.access.http import (
    Caller,
    authenticate_body,
    hot,
    json_response,
    read_body,
    refusal,
    request_id,
)
from apps.decisions import selectors, services
from apps.delivery import deciding, wording
from apps.delivery import ofrep_wording as words
from apps.delivery.api import not_changed
from apps.delivery.ofrep_asking import (
    BODY,
    FLAG_NOT_FOUND,
    GENERAL,
    PARSE_ERROR,
    TARGETING_KEY_MISSING,
    NotEvaluated,
    Targeted,
    targeted,
)
from apps.delivery.ofrep_flags import Catalogue, Flag, catalogue_of
from apps.delivery.questions import MAX_BODY_BYTES
from apps.delivery.stream.tickets import stream_url, ticket_of
from apps.work import clock

OFREP: Final = "ofrep"
IN_VAIN_S: Final = 1.0
INACTIVITY_S: Final = 120  # after which a hidden page closes its stream
MAX_ECHO: Final = 200  # characters of a key that is told back
_NUMBERED: Final = re.compile(r'(?:W/)?"?pub-([0-9]{1,9})"?')
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
# Worded as everywhere else, because clients ask for these by status alone.
_AS_EVERYWHERE: Final = (Unauthenticated, Forbidden, SecretKeyInBrowser, RateLimited)

View = Callable[..., HttpResponse]


class _Asked(NamedTuple):
    """One call as far as both doors read it."""

    caller: Caller
    who: Targeted
    arrival: selectors.Arrival
    served: selectors.Served
    catalogue: Catalogue
    now_ms: int
    start: float


def _own_shape(view: View) -> View:
    """Word refusals as OFREP clients read them: 400, 404 or 500 with an `errorCode`."""

    @wraps(view)
    def answered(request: HttpRequest, key: str | None = None) -> HttpResponse:
        named = {} if key is None else {"key": key}
        echo = None if key is None else key[:MAX_ECHO]
        try:
            return view(request, **named)
        except _AS_EVERYWHERE:
            raise
        except NotEvaluated as error:
            return json_response(words.failure(error.code, error.details, echo), error.status)
        except Exception as error:
            told = refusal(error, request)  # it logs and heals as on every route
            if told.status_code >= 500:
                details, code, status = "Something is away for a moment: try again.", GENERAL, 500
            else:
                details, status = str(error), 400
                code = PARSE_ERROR if isinstance(error, InvalidRequest) else GENERAL
            return json_response(words.failure(code, details, echo), status)

    return answered


@hot("POST", route=OFREP)
@_own_shape
def evaluate(request: HttpRequest, key: str) -> HttpResponse:
    """POST /ofrep/v1/evaluate/flags/{key}: one flag for this context, now."""
    asked = _read(request)
    flag = asked.catalogue.find(key, asked.caller.kind)
    if flag is None:
        raise NotEvaluated(FLAG_NOT_FOUND, f"No flag '{key[:MAX_ECHO]}'.", 404)
    if flag.asks_who and not asked.who.identities:
        raise NotEvaluated(TARGETING_KEY_MISSING, _without_key(flag))
    decided = _decided(request, asked, [flag])
    if flag.segment is not None:
        is_inside, reason = words.membership(decided, flag.segment)
        body = words.of_segment(flag, is_inside, reason)
        _record(decided, asked, [(flag, is_inside, reason)])
    else:
        placed = decided.placed[0]
        decision_id = wording.id_of(decided, placed, wording.signer_of(decided)).decode()
        body = words.evaluated(flag, placed, decision_id)
        _record(decided, asked)
    response = json_response(body, headers=dict(asked.arrival.headers))
    response.headers["Cache-Control"] = "private, no-store"
    return response


@hot("POST", route=OFREP)
@_own_shape
def evaluate_all(request: HttpRequest) -> HttpResponse:
    """POST /ofrep/v1/evaluate/flags: every flag that this key may read."""
    asked = _read(request)
    visible = asked.catalogue.visible(asked.caller.kind)
    open_to_it = [flag for flag in visible if asked.who.identities or not flag.asks_who]
    decided = _decided(request, asked, open_to_it)
    by_key = {placed.decision.placement: placed for placed in decided.placed}
    answerable = set(open_to_it)
    entries: list[bytes] = []
    inside: list[tuple[Flag, bool, str]] = []
    for flag in visible:
        if flag not in answerable:
            entries.append(words.failure(TARGETING_KEY_MISSING, _without_key(flag), flag.key))
        elif flag.segment is not None:
            is_inside, reason = words.membership(decided, flag.segment)
            entries.append(words.of_segment(flag, is_inside, reason))
            inside.append((flag, is_inside, reason))
        else:
            entries.append(words.evaluated(flag, by_key[flag.key], None))
    body = words.bulk(entries, {"publication": asked.served.number}, _streams(decided.call))
    month = clock.from_ms(asked.now_ms).strftime("%Y-%m")
    etag = words.etag_of(asked.caller, asked.who, body, month)
    # One light record: what is not in it was the default, as the publication says.
    decided.placed = [placed for placed in decided.placed if placed.told.reason != "DEFAULT"]
    _record(decided, asked, [one for one in inside if one[1]])
    # Clients poll, and without decision ids nothing of it can be exposed: no budget is held.
    deciding.unreserve(decided)
    response = not_changed(request, etag) or json_response(body)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    for name, value in asked.arrival.headers.items():
        response.headers[name] = value
    return response


def _read(request: HttpRequest) -> _Asked:
    start = perf_counter()
    raw = read_body(request, MAX_BODY_BYTES)
    caller, body = authenticate_body(request, raw, BODY)
    now_ms = clock.now_ms()
    who = targeted(caller, body.context, now_ms)
    arrival = selectors.arrive(caller, who.identities, OFREP, is_either=who.is_either)
    served = _served(request, caller, arrival.announced)
    services.start_watching()
    if served is None:
        raise NotEvaluated(GENERAL, "The flags are away for a moment: try again.", 500)
    return _Asked(caller, who, arrival, served, catalogue_of(served), now_ms, start)


def _decided(request: HttpRequest, asked: _Asked, flags: list[Flag]) -> deciding.Decided:
    who = asked.who
    call = deciding.Call(
        asked.caller,
        request_id(request),
        who.subject(asked.arrival.profile),
        who.unit_id,
        [(flag.key, None) for flag in flags if flag.segment is None],
        who.context,
        who.facts,
        request.META,
        False,
        asked.now_ms,
        [flag.key for flag in flags if flag.segment is not None],
    )
    return deciding.decide(call, asked.arrival, asked.served)


def _record(
    decided: deciding.Decided, asked: _Asked, segments: list[tuple[Flag, bool, str]] | None = None
) -> None:
    made = wording.record_of(decided, perf_counter() - asked.start)
    for flag, is_inside, reason in segments or ():
        variant = words.IN if is_inside else words.OUT
        said = services.Said(flag.key, None, variant, 0, reason)
        made.placements.append(services.Noted(said))
    services.record(made)


def _streams(call: deciding.Call) -> list[dict[str, Any]]:
    """Where this visitor's notices come from: the same address all through a calendar month."""
    if not call.subject:
        return []
    caller = call.caller
    ticket = ticket_of(caller.site_id, caller.source_id, call.subject, call.now_ms)
    endpoint = {"requestUri": stream_url(ticket)}
    return [{"type": "sse", "endpoint": endpoint, "inactivityDelaySec": INACTIVITY_S}]


def _without_key(flag: Flag) -> str:
    return f"The value of '{flag.key}' depends on the visitor: send a targetingKey."


_in_vain: dict[
    UUID, float
] = {}  # site -> until when (monotonic) no newer publication is looked for


def _served(
    request: HttpRequest, caller: Caller, announced: bytes | None
) -> selectors.Served | None:
    """What the site serves, not older than what the caller has heard of from the live stream."""
    served = selectors.current(caller.site_id, announced)
    if served is None or "flagConfig" not in request.META.get("QUERY_STRING", ""):
        return served
    number = _heard_of(request, served)
    # Anybody can write any number: it costs one look at the record in a second.
    if number <= served.number or time.monotonic() < _in_vain.get(caller.site_id, 0.0):
        return served
    newer = selectors.current(caller.site_id, b"%d" % number)
    if newer is None or newer.number < number:
        _in_vain[caller.site_id] = time.monotonic() + IN_VAIN_S
    return newer or served


def _heard_of(request: HttpRequest, served: selectors.Served) -> int:
    """The number of the publication that the caller knows of, 0 when it says none."""
    query: Any = request.GET
    named = _NUMBERED.fullmatch(query.get("flagConfigEtag", ""))
    if named:
        return int(named[1])
    # The moment alone says less: most notices are of a visitor, not of a publication.
    moment = _SECONDS.fullmatch(query.get("flagConfigLastModified", ""))
    if moment and int(moment[0]) > served.compiled.doc.published_at_ms // 1000:
        return served.number + 1
    return 0


def forget() -> None:
    """Look for newer publications again at once (tests)."""
    _in_vain.clear()
