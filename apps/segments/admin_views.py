"""Pages and JSON beside the segment form: preview, one person, publication with a note, history.

The JSON is for whatever edits a condition in the browser: POST an object, get an object; refusals
are {"code", "message", "path"?} with 422.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from apps.access.services import record_audit
from apps.profiles.parts import instant
from apps.profiles.selectors import find_profile
from apps.segments import previews, services, versions
from apps.segments.models import Segment
from apps.work import clock
from engine.errors import InvalidCondition, PersonalizationError

VIEW: Final = "segments.view_segment"
CHANGE: Final = "segments.change_segment"
SEES_PEOPLE: Final = "profiles.view_profile"
MAX_BODY: Final = 256_000  # bytes
SAMPLES: Final = 5
FEW: Final = f"fewer than {previews.FEWEST}"

_PROFILE: Final = re.compile(
    r"(?:prf_|profile:)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)

JsonView = Callable[[HttpRequest, Mapping[str, Any]], dict[str, Any]]


def _json(view: JsonView) -> Callable[[HttpRequest], HttpResponse]:
    """POST an object, get what the view makes of it; refusals are worded here."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        _require(request, VIEW)
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


@_json
def preview(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment", "condition"?, "policy"?, "samples"?}: how many, who comes and goes."""
    draft = _draft(body)
    wanted = body.get("samples", SAMPLES)
    found = previews.preview(
        draft,
        now=clock.now(),
        samples=wanted if isinstance(wanted, int) and wanted >= 0 else SAMPLES,
        may_see_people=request.user.has_perm(SEES_PEOPLE),
    )
    numbers = {"size": found.size, "entered": found.entered, "left": found.left}
    return {
        "words": found.words,
        **numbers,
        **{f"{name}Text": _counted(number, found) for name, number in numbers.items()},
        "everyone": found.everyone,
        "isExact": found.is_exact,
        "dependsOnRequest": found.depends_on_request,
        "samples": [{"id": one.id, "trace": one.trace} for one in found.samples],
    }


@_json
def person(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """The same and "who" ("user_id:42" or a profile's id): in or not in, and why. Audited."""
    _require(request, SEES_PEOPLE)
    draft = _draft(body)
    profile_id = _profile(draft.site_id, str(body.get("who", "")))
    verdict = None if profile_id is None else previews.ask(draft, profile_id, now=clock.now())
    if profile_id is None or verdict is None:
        return {"found": False}
    user: Any = request.user
    record_audit(
        action="profiles.viewed",
        actor=user,
        site_id=draft.site_id,
        target_kind="profiles.profile",
        target_id=str(profile_id),
        detail={"page": "segment preview"},
        now=clock.now(),
    )
    return {
        "found": True,
        "profileId": f"prf_{profile_id.hex}",
        "meets": verdict.meets,
        "isMember": verdict.is_member,
        "validUntil": instant(verdict.valid_until),
        "trace": verdict.trace,
    }


@_json
def changes(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"segment", "older"?, "newer"?}: what the draft changes, or two versions by number."""
    segment = _segment(body.get("segment"))
    if "older" in body or "newer" in body:
        older, newer = (int(body.get(name) or 0) for name in ("older", "newer"))
        lines = versions.changes_between(segment.pk, older, newer)
    else:
        lines = versions.draft_changes(segment)
    return {"lines": [{"sign": line.sign, "text": line.text} for line in lines]}


@_json
def version_list(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"segment"}: its versions, newest first, with who, why, and who came and went."""
    segment = _segment(body.get("segment"))
    return {
        "versions": [
            {
                "number": one.number,
                "state": one.state,
                "publishedAt": instant(one.published_at),
                "publishedBy": one.published_by,
                "note": one.note,
                "restoredFrom": one.restored_from,
                "size": one.size,
                "sizeAtPublication": one.first_size,
                "entered": one.entered,
                "left": one.left,
                "changes": [{"sign": line.sign, "text": line.text} for line in one.changes],
            }
            for one in versions.history(segment.pk)
        ]
    }


def publish(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """A page: what the draft changes and whom it reaches; a POST publishes it with a note."""
    _require(request, CHANGE)
    segment = get_object_or_404(Segment, pk=segment_id, is_hidden=False)
    note = request.POST.get("note", "").strip()[: services.MAX_NOTE]
    refused = ""
    if request.method == "POST":
        try:
            version = services.publish_segment(
                site_id=segment.site_id,
                segment_id=segment.pk,
                actor=actor_of(request),
                note=note,
                now=clock.now(),
            )
        except PersonalizationError as error:
            refused = str(error)
        else:
            said = f"{segment.name}: version {version.number} is {version.get_state_display()}"
            messages.success(request, said)
            return redirect("admin:segments_segment_change", segment.pk)
    return _page(
        request,
        segment,
        "publish",
        f"Publish {segment.name}",
        changes=versions.draft_changes(segment),
        has_changes=any(line.sign != " " for line in versions.draft_changes(segment)),
        found=_previewed(segment) if not refused else None,
        refused=refused,
        note=note,
        max_note=services.MAX_NOTE,
    )


def history(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """A page: every version with who and why; a POST of `number` and `note` restores one."""
    _require(request, VIEW)
    segment = get_object_or_404(Segment, pk=segment_id, is_hidden=False)
    refused = ""
    if request.method == "POST":
        _require(request, CHANGE)
        try:
            version = services.restore_version(
                site_id=segment.site_id,
                segment_id=segment.pk,
                number=_number(request.POST.get("number", "")),
                actor=actor_of(request),
                note=request.POST.get("note", ""),
                now=clock.now(),
            )
        except PersonalizationError as error:
            refused = str(error)
        else:
            said = f"{segment.name}: version {version.number} says what the older one said"
            messages.success(request, said)
            return redirect("admin:segments_segment_versions", segment.pk)
    return _page(
        request,
        segment,
        "versions",
        f"Versions of {segment.name}",
        versions=versions.history(segment.pk),
        refused=refused,
        may_restore=request.user.has_perm(CHANGE) and not segment.is_archived,
        max_note=services.MAX_NOTE,
    )


def actor_of(request: HttpRequest) -> services.Actor:
    """Who is signed in; the admin lets nobody else in."""
    user = request.user
    assert user.is_authenticated
    return user


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(
    request: HttpRequest, segment: Segment, name: str, title: str, **context: object
) -> HttpResponse:
    whole = {
        **admin.site.each_context(request),
        "title": title,
        "segment": segment,
        "opts": Segment._meta,
        **context,
    }
    return TemplateResponse(request, f"admin/segments/{name}.html", whole)


def _previewed(segment: Segment) -> dict[str, Any] | None:
    """The preview of a draft in words for a page; None when it cannot be had."""
    try:
        draft = previews.draft_of(segment.site_id, segment.draft, segment.draft_policy, segment)
        found = previews.preview(draft, now=clock.now())
    except PersonalizationError as error:
        return {"problem": str(error)}
    return {
        "words": found.words,
        "size": _counted(found.size, found),
        "entered": _counted(found.entered, found),
        "left": _counted(found.left, found),
        "everyone": found.everyone,
        "is_exact": found.is_exact,
        "depends_on_request": found.depends_on_request,
    }


def _counted(number: int | None, found: previews.Preview) -> str:
    if found.depends_on_request:
        return "answered in each request"
    return FEW if number is None else f"{number:,}"


def _draft(body: Mapping[str, Any]) -> previews.Draft:
    """The condition given, or the draft of the segment given."""
    segment = _segment(body["segment"]) if body.get("segment") else None
    if segment is not None:
        condition = body.get("condition", segment.draft)
        policy = body.get("policy", segment.draft_policy)
        return previews.draft_of(segment.site_id, condition, policy, segment)
    site_id = _uuid(body.get("site"))
    if site_id is None:
        raise InvalidCondition("site", "expected the id of a site, or of a segment")
    return previews.draft_of(site_id, body.get("condition", {}), body.get("policy"))


def _segment(given: object) -> Segment:
    segment_id = _uuid(given)
    if segment_id is None:
        raise Http404
    return get_object_or_404(Segment, pk=segment_id, is_hidden=False)


def _uuid(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _profile(site_id: UUID, who: str) -> UUID | None:
    text = who.strip()[:600]
    found = _PROFILE.fullmatch(text.lower())
    if found is not None:
        return UUID(found[1])
    kind, colon, value = text.partition(":")
    if not colon or not value or "\0" in text:
        return None
    return find_profile(site_id, kind.strip(), value.strip())
