"""From a refusal to its answer: code -> status, and one JSON shape (RFC 9457), only here."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.views import set_rollback

from apps.access import http
from apps.access.errors import (
    Fault,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from apps.privacy.opendsr_answers import PREFIX as OPENDSR
from apps.privacy.opendsr_answers import refused as refused_in_opendsr
from apps.work import tracing
from config.error_codes import status_of
from engine.errors import PersonalizationError

PROBLEM_TYPE: Final = "application/problem+json"


def problem(error: Exception, request: HttpRequest) -> HttpResponse:
    """Word a refusal. An exception that is no refusal is a 500 without any of its text."""
    if isinstance(error, PersonalizationError):
        code, sentence, status = error.code, str(error), status_of(error.code)
    else:
        code, sentence, status = "internal_error", "Something went wrong on our side.", 500
    body: dict[str, Any] = {
        "type": f"/docs/errors/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "instance": _instance(request),
        "detail": sentence,
        "code": code,
        "message": sentence,
        "traceId": trace_id(request),
    }
    errors: list[Fault] = getattr(error, "errors", None) or []
    if errors:
        body["errors"] = errors
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    if request.path_info.startswith(OPENDSR):
        return refused_in_opendsr(status, code, sentence, errors, headers)
    return HttpResponse(
        msgspec.json.encode(body), status=status, content_type=PROBLEM_TYPE, headers=dict(headers)
    )


def trace_id(request: HttpRequest) -> str:
    """Return the trace id of `traceparent` (W3C), or this request's own id."""
    trace = tracing.trace_of(request.META)
    return trace.trace_id if trace is not None else http.request_id(request)


def exception_handler(error: Exception, context: dict[str, Any]) -> Any:
    """Django REST framework's handler: its own refusals, and ours, in the same shape."""
    request: HttpRequest = context["request"]._request
    set_rollback()
    return http.refusal(as_refusal(error), request)


def as_refusal(error: Exception) -> Exception:
    """Return the refusal that an exception of Django or of the REST framework stands for."""
    match error:
        case PersonalizationError():
            return error
        case Http404() | drf.NotFound():
            return NotFound()
        case drf.ValidationError():
            return InvalidRequest("The request is malformed.", errors=_faults(error.detail))
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return Unauthenticated()
        case PermissionDenied() | drf.PermissionDenied():
            return Forbidden("You may not do that.")
        case drf.MethodNotAllowed():
            return MethodNotAllowed(["another method"])
        case drf.Throttled():
            return RateLimited(retry_after_s=int(getattr(error, "wait", None) or 1))
        case drf.ParseError() | drf.UnsupportedMediaType() | drf.NotAcceptable():
            return InvalidRequest(str(error.detail))
        case SuspiciousOperation():
            return InvalidRequest("The request is malformed.")
        case _:
            return error


def _instance(request: HttpRequest) -> str:
    """The path, without a visitor's identifier and without the query."""
    parts = request.path.split("/")
    if parts[1:3] == ["v1", "profiles"] and len(parts) > 3:
        parts[3] = parts[3].partition(":")[0]
    return "/".join(parts)


def _faults(detail: Any, pointer: str = "") -> list[Fault]:
    """Flatten the REST framework's nested error lists into faults with JSON pointers."""
    if isinstance(detail, dict):
        return [
            fault
            for name, inner in detail.items()
            for fault in _faults(
                inner, pointer if name == "non_field_errors" else f"{pointer}/{name}"
            )
        ]
    if isinstance(detail, list):
        return [
            fault
            for index, inner in enumerate(detail)
            for fault in _faults(
                inner, f"{pointer}/{index}" if isinstance(inner, dict) else pointer
            )
        ]
    code = getattr(detail, "code", "invalid")
    return [{"pointer": pointer, "code": str(code), "detail": str(detail)}]
