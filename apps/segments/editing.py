"""What every form of a condition asks for while it is edited: segments, rules, computed traits.

One POST answers everything that stands beside the form; the parts that cannot be had are left out
with a note, so that a half-written condition still shows what is known of it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse

from apps.segments import previews
from apps.segments.editor_checks import check
from apps.segments.editor_language import language
from apps.segments.editor_words import seen
from apps.segments.findings import Finding
from apps.segments.previews import draft_of
from apps.work import clock
from engine.errors import InvalidCondition, PersonalizationError

__all__ = [
    "SAMPLES",
    "SEES_PEOPLE",
    "beside",
    "counted_text",
    "draft_of",
    "json_view",
    "reach_text",
    "schema",
]

SEES_PEOPLE: Final = "profiles.view_profile"
MAX_BODY: Final = 256_000  # bytes
MAX_HINTS: Final = 8
SAMPLES: Final = 5
FEW: Final = f"fewer than {previews.FEWEST}"

JsonView = Callable[[HttpRequest, Mapping[str, Any]], dict[str, Any]]


def json_view(permission: str) -> Callable[[JsonView], Callable[[HttpRequest], HttpResponse]]:
    """POST an object, get what the view makes of it; refusals are worded here.

    They are {"code", "message", "path"?, "problem"?} with 422.
    """

    def decorated(view: JsonView) -> Callable[[HttpRequest], HttpResponse]:
        def answer(request: HttpRequest) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                body = json.loads(request.body) if len(request.body) <= MAX_BODY else None
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                problem = {"code": "invalid_request", "message": "Send an object as JSON."}
                return JsonResponse(problem, status=400)
            try:
                return JsonResponse(view(request, body))
            except InvalidCondition as error:
                fault = {"code": error.code, "message": str(error), "path": error.path}
                return JsonResponse({**fault, "problem": error.problem}, status=422)
            except PersonalizationError as error:
                return JsonResponse({"code": error.code, "message": str(error)}, status=422)

        return answer

    return decorated


def schema(site_id: UUID | None, *, but: UUID | None = None) -> dict[str, Any]:
    """The language, the names that a site has seen, and where the form asks for more.

    `but` is a segment that is not offered.
    """
    return {
        "language": language(),
        "seen": {} if site_id is None else seen(site_id, but=but),
        "addresses": {
            name: reverse(f"admin:segments_segment_{name}") for name in ("values", "proposals")
        },
    }


def beside(
    body: Mapping[str, Any],
    *,
    draft: Callable[[], previews.Draft],
    findings: Callable[[previews.Draft], Sequence[Finding]],
    may_see_people: bool,
) -> dict[str, Any]:
    """Return all that stands beside the form of a condition.

    `problems` are [path, what is wrong]; `parts` say each leaf in words, by its path.

    Args:
        body: {"condition", "policy"?}, as far as it is written.
        draft: makes it ready to be asked; called once nothing is wrong with it.
        findings: what can be said against it, errors first.
    """
    found = check(body.get("condition"), body.get("policy") or {})
    answer: dict[str, Any] = {
        "words": found.words,
        "parts": found.parts,
        "problems": [list(one) for one in found.problems],
        "hints": [],
        "note": "",
    }
    if found.problems:
        return answer
    try:
        ready = draft()
    except InvalidCondition as error:
        return answer | {"problems": [[error.path, error.problem]]}
    except PersonalizationError as error:
        return answer | {"note": str(error)}
    try:
        answer["hints"] = [
            {"level": str(one.severity), "text": one.text, "path": one.path, "code": one.code}
            for one in findings(ready)[:MAX_HINTS]
        ]
        counted = previews.preview(
            ready, now=clock.now(), samples=SAMPLES, may_see_people=may_see_people
        )
    except PersonalizationError as error:
        return answer | {"note": str(error)}
    return answer | {"counted": _counted(counted)}


def counted_text(number: int | None, found: previews.Preview) -> str:
    """A number of a preview as it may be told."""
    if found.depends_on_request:
        return "answered in each request"
    if not found.everyone:
        return "0"
    return FEW if number is None else f"{number:,}"


def reach_text(found: previews.Preview) -> str:
    """How many people of how many, as it may be told."""
    if found.depends_on_request or found.everyone >= previews.FEWEST:
        return f"{counted_text(found.size, found)} of {found.everyone:,}"
    if not found.everyone:
        return "nobody: this site knows no people yet"
    return counted_text(found.size, found)


def _counted(found: previews.Preview) -> dict[str, Any]:
    """Numbers as they may be told, and a few members as opaque ids."""
    numbers = {"size": found.size, "entered": found.entered, "left": found.left}
    return {
        **{name: counted_text(number, found) for name, number in numbers.items()},
        "reach": reach_text(found),
        "everyone": f"{found.everyone:,}",
        "isExact": found.is_exact,
        "dependsOnRequest": found.depends_on_request,
        "samples": [{"id": one.id, "trace": one.trace} for one in found.samples],
    }
