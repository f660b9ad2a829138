"""What the studio's own pages share: who may look, and answers in JSON that never redirect."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache

from engine.errors import PersonalizationError

LOGGED_OUT: Final = "You are no longer logged in. What you typed stays on this page."
TOO_LARGE: Final = "This form holds more text than can be kept unsaved. Save it now."

Answer = Callable[[HttpRequest, Mapping[str, Any]], dict[str, Any]]


def require(request: HttpRequest, permission: str) -> None:
    """Refuse a role that lacks a permission.

    Raises:
        PermissionDenied: it does.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied


def problem(status: int, code: str, message: str) -> JsonResponse:
    """Return a refusal for a script of a page: {"code", "message"}."""
    return JsonResponse({"code": code, "message": message}, status=status)


def json_door(view: Answer) -> Callable[[HttpRequest], HttpResponse]:
    """Answer staff in JSON. A GET tells a fresh CSRF token, a POST takes an object.

    Whoever is logged out gets 401 instead of a page to log in: a script would lose the form.
    """

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if not (request.user.is_active and getattr(request.user, "is_staff", False)):
            return problem(401, "unauthorized", LOGGED_OUT)
        if request.method == "GET":
            own = {"csrf": get_token(request), "user": request.user.pk}
            return JsonResponse(own | {"name": request.user.get_username()})
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "POST"])
        try:
            body = json.loads(request.body)
        except RequestDataTooBig:
            return problem(413, "payload_too_large", TOO_LARGE)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return problem(400, "invalid_request", "Send an object as JSON.")
        try:
            return JsonResponse(view(request, body))
        except PermissionDenied:
            return problem(403, "forbidden", "Your role may not change this.")
        except PersonalizationError as error:
            return problem(422, error.code, str(error))

    return answer
