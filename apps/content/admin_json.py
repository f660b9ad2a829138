"""What the page of a block asks for while somebody types: JSON, for staff who may see blocks.

Who is logged out gets 401 as JSON, never the redirect to a login that a script cannot follow.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from apps.access.errors import InvalidRequest
from apps.content.domain.fields import is_storable
from apps.content.offers import KINDS, offered
from apps.content.samples import MAX_SAMPLE, sample_of, values_of
from engine.errors import PersonalizationError

Answers = Callable[[HttpRequest], dict[str, Any]]

MAX_BODY: Final = 4 * MAX_SAMPLE


def staff_json(permission: str, method: str) -> Callable[[Answers], Callable[..., HttpResponse]]:
    """Answer a view's object as JSON to staff with a permission; its refusals with 422."""

    def decorated(view: Answers) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            user = request.user
            if not (user.is_authenticated and user.is_active and getattr(user, "is_staff", False)):
                return _problem(401, "logged_out", "You are logged out. Log in in another tab.")
            if not user.has_perm(permission):
                return _problem(403, "permission_denied", "Your role may not do this.")
            if request.method != method:
                return _problem(405, "method_not_allowed", f"Ask with {method}.")
            try:
                made = JsonResponse(view(request))
            except PersonalizationError as error:
                return _problem(422, error.code, str(error))
            made["Cache-Control"] = "no-store"
            return made

        return answer

    return decorated


@staff_json("content.view_block", "GET")
def offers(request: HttpRequest) -> dict[str, Any]:
    """GET ?kind=segments&site=<id>&q=word: a few to choose from; `keys=a,b` names these."""
    kind, keys = request.GET.get("kind", ""), request.GET.get("keys")
    if kind not in KINDS:
        raise InvalidRequest(f"Ask for one of {', '.join(KINDS)}.")
    found, has_more = offered(
        kind,
        site_asked(request.GET.get("site", "")),
        query=request.GET.get("q", "").strip()[:100],
        keys=None if keys is None else [key for key in keys.split(",") if key],
    )
    listed = [{"key": one.key, "name": one.name, "note": one.note} for one in found]
    return {"found": listed, "more": has_more}


@staff_json("content.view_block", "GET")
def values(request: HttpRequest) -> dict[str, Any]:
    """GET ?site=<id>: the values that a template may show, with samples."""
    groups = values_of(site_asked(request.GET.get("site", "")))
    return {
        "groups": [
            {
                "name": group.name,
                "values": [
                    {"path": one.path, "note": one.note, "sample": one.sample, "asks": one.asks}
                    for one in group.values
                ],
            }
            for group in groups
        ]
    }


@staff_json("content.view_block", "POST")
def sample(request: HttpRequest) -> dict[str, Any]:
    """POST {"site", "kind", "text"}: how it comes out for a made-up visitor.

    `kind` is "text", "html" or "email".
    """
    try:
        body = json.loads(request.body) if len(request.body) <= MAX_BODY else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        raise InvalidRequest("Send an object with a text.")
    if not is_storable(body["text"]):
        raise InvalidRequest("The text holds NUL or half a character.")
    site_id = site_asked(str(body.get("site", "")))
    made = sample_of(site_id, str(body.get("kind")), body["text"])
    return {
        "text": made.text,
        "nobody": made.nobody,
        "isHtml": made.is_html,
        "removed": made.removed,
        "line": made.line,
        "problem": made.problem,
    }


def site_asked(text: str) -> UUID:
    """Return the site that a request names.

    Raises:
        InvalidRequest: it names none.
    """
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidRequest("Name the site by its id.") from error


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
