"""The short chain of the hot endpoints: methods, CORS, ids and refusals as problem+json.

A hot view is a plain Django view. config/wsgi.py calls its `answer` directly; Django's own handler
(the test client, say) calls the view itself. Both give the same answer with the same headers.
"""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from time import perf_counter
from typing import Any, Final, Protocol, cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

from apps.access.answers import JsonAnswer
from apps.access.bodies import parse, read_body, stream_body, write_key_in
from apps.access.cors import Cors, HeaderList, answer_headers, preflight_headers
from apps.access.credentials import (
    authenticate,
    authenticate_body,
    caller_of,
    caller_of_public_key,
)
from apps.access.errors import (
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unavailable,
)
from apps.access.limits import CHARGED, enforce
from apps.access.types import Caller
from apps.work import tracing
from apps.work.counting import Counter, Histogram
from apps.work.database import drop_if_broken
from apps.work.redis import RedisAway
from engine.errors import PersonalizationError

__all__ = [
    "Caller",
    "HotView",
    "authenticate",
    "authenticate_body",
    "caller_of_public_key",
    "hot",
    "json_response",
    "parse",
    "read_body",
    "request_id",
    "stream_body",
    "write_key_in",
]

logger = logging.getLogger(__name__)

MAX_PARAMETERS = 1000  # of a query

# An answer's routes are the names that views give, its statuses a handful.
_answers: Final = Counter("attune_answers", "Answers by route and status.", "route", "status")
_seconds: Final = Histogram(
    "attune_answer_seconds", "Time from a whole request to its answer.", "route"
)
# In META: when work on the request began (perf_counter), if that was before its view was called.
BEGUN: Final = "attune.begun"
_STATUS: Final = {status: str(status) for status in range(100, 600)}


class HotView(Protocol):
    """A view, and the same without the work that only Django's full chain needs."""

    csrf_exempt: bool
    route: str
    answer: Callable[..., tuple[HttpResponseBase, HeaderList]]
    refuse: Callable[[HttpRequest, Exception], tuple[HttpResponseBase, HeaderList]]

    def __call__(self, request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


def hot(
    *methods: str, route: str, cors: Cors | bool = "source", ends: Sequence[tuple[str, str]] = ()
) -> Callable[[Callable[..., HttpResponseBase]], HotView]:
    """Make a view hot: CORS (preflight 204), 405, X-Request-Id, refusals as problem+json, no CSRF.

    Args:
        methods: accepted methods; GET brings HEAD. None given: the view judges methods itself.
        route: name of the route in metrics and rate limits.
        cors: see apps/access/cors.py; True is "source", False is "none".
        ends: of a route that will go: what `deprecation.goodbye` gives.
    """
    policy: Cors = ("source" if cors else "none") if isinstance(cors, bool) else cors
    accepted = frozenset(methods) | ({"HEAD"} if "GET" in methods else set())
    shown = (*methods, "OPTIONS")

    def decorate(view: Callable[..., HttpResponseBase]) -> HotView:
        def answer(
            request: HttpRequest, *args: Any, **kwargs: Any
        ) -> tuple[HttpResponseBase, HeaderList]:
            start = request.META.get(BEGUN) or perf_counter()
            tracing.enter(request.META)
            headers: HeaderList = []
            response: HttpResponseBase
            try:
                # Forms of the admin may have more fields, so Django's own limit is no help here.
                if request.META.get("QUERY_STRING", "").count("&") >= MAX_PARAMETERS:
                    raise SuspiciousOperation("too many parameters")
                if request.method in accepted or (not accepted and request.method != "OPTIONS"):
                    response = _rendered(view(request, *args, **kwargs))
                elif request.method == "OPTIONS" and policy != "none":
                    response = HttpResponse(status=204)
                    del response["Content-Type"]
                    headers += preflight_headers(methods or ("GET", "POST", "DELETE"))
                else:
                    raise MethodNotAllowed(shown)
            except Exception as error:
                response = refusal(error, request)
            if response.status_code >= 400:
                response = _charged(request, response, route)
            headers += answer_headers(request, policy)
            headers += ends
            headers += tracing.headers_of(request.META)
            _answers.add(route, _STATUS[response.status_code])
            _seconds.observe(route, perf_counter() - start)
            tracing.leave()
            return response, headers

        def refuse(request: HttpRequest, error: Exception) -> tuple[HttpResponseBase, HeaderList]:
            response = refusal(error, request)
            _answers.add(route, _STATUS[response.status_code])
            headers = [*answer_headers(request, policy), *tracing.headers_of(request.META)]
            return response, headers

        full = cast(HotView, _in_full(view, answer))
        full.csrf_exempt, full.route, full.answer, full.refuse = True, route, answer, refuse
        return full

    return decorate


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    if getattr(response, "is_rendered", True):
        return response
    return cast(SimpleTemplateResponse, response).render()


def _in_full(
    view: Callable[..., HttpResponseBase],
    answer: Callable[..., tuple[HttpResponseBase, HeaderList]],
) -> Callable[..., HttpResponseBase]:
    """The view as Django's full chain calls it: one response, with its headers."""

    @wraps(view)
    def full(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response, headers = answer(request, *args, **kwargs)
        for name, value in headers:
            if name == "Vary":
                patch_vary_headers(cast(HttpResponse, response), [value])
            else:
                response[name] = value
        return response

    return full


def _charged(request: HttpRequest, response: HttpResponseBase, route: str) -> HttpResponseBase:
    """Say the rate in a refusal, and charge what was refused before it was charged."""
    headers: dict[str, str] | None = request.META.get(CHARGED)
    if headers is None and response.status_code < 500:
        caller = caller_of(request.META)
        if caller is not None:
            try:
                headers = enforce(caller, route)
            except RateLimited as error:
                return refusal(error, request)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def request_id(request: HttpRequest) -> str:
    """Return this request's own id, `req_...`, made on first use."""
    return tracing.request_id_of(request.META)


def json_response(
    body: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    """Answer with bytes that are JSON already."""
    return JsonAnswer(body, headers or {}, status)


def refusal(error: Exception, request: HttpRequest) -> HttpResponse:
    """Return the problem+json answer of an exception; what nobody expected is logged as a 500."""
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database.away", extra={"error": type(error).__name__})
        # The next request on this thread opens a fresh connection: that is the whole healing.
        drop_if_broken()
        error = Unavailable()
    elif isinstance(error, RedisAway):
        error = Unavailable("A part of the server is away for a moment: try again.")
    elif isinstance(error, Http404):
        error = NotFound()
    elif isinstance(error, SuspiciousOperation):
        error = InvalidRequest("The request is malformed.")  # too many parameters, for one
    elif not isinstance(error, PersonalizationError):
        logger.exception("request.failed")
    return _problem()(error, request)


def _problem() -> Callable[[Exception, HttpRequest], HttpResponse]:
    """The composition root's wording of refusals: this app may not import it."""
    name = getattr(settings, "PROBLEM_RESPONSE", "config.api.problem")
    return cast(Callable[[Exception, HttpRequest], HttpResponse], import_string(name))
