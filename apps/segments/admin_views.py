"""Pages and JSON beside the segment form: preview, one person, publication with a note, history.

The JSON is for whatever edits a condition in the browser: see `editing.json_view`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from apps.access import looks
from apps.profiles.parts import instant
from apps.profiles.selectors import find_profile
from apps.segments import editing, previews, services, versions
from apps.segments.editing import SAMPLES, SEES_PEOPLE
from apps.segments.errors import PreviewTooSlow
from apps.segments.models import Segment, SegmentVersion
from apps.work import clock
from engine.errors import InvalidCondition, PersonalizationError

HURRY_S: Final = 0.5  # for what a page counts while it is opened
VIEW: Final = "segments.view_segment"
CHANGE: Final = "segments.change_segment"
# To put a version in force is to publish: the permission is that of publications, by its name.
PUBLISH: Final = "decisions.publish_site"

_PROFILE: Final = re.compile(
    r"(?:prf_|profile:)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)

json_view = editing.json_view(VIEW)


@json_view
def preview(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment", "condition"?, "policy"?, "samples"?}: how many, who comes and goes."""
    draft = draft_in(body)
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
        **{f"{name}Text": editing.counted_text(number, found) for name, number in numbers.items()},
        "everyone": found.everyone,
        "isExact": found.is_exact,
        "dependsOnRequest": found.depends_on_request,
        "samples": [{"id": one.id, "trace": one.trace} for one in found.samples],
    }


@json_view
def person(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """The same, "who" (kind:value or a profile id) and "reason": in or not, and why. Audited."""
    require(request, SEES_PEOPLE)
    draft = draft_in(body)
    profile_id = profile_of(draft.site_id, str(body.get("who", "")))
    verdict = None if profile_id is None else previews.ask(draft, profile_id, now=clock.now())
    if profile_id is None or verdict is None:
        return {"found": False}
    refused = look(request, draft.site_id, profile_id, str(body.get("reason", "")))
    if refused:
        return {"found": False, "refused": refused}
    return {
        "found": True,
        "profileId": f"prf_{profile_id.hex}",
        "meets": verdict.meets,
        "isMember": verdict.is_member,
        "validUntil": instant(verdict.valid_until),
        "trace": verdict.trace,
    }


def look(request: HttpRequest, site_id: UUID, profile_id: UUID, reason: str | None = None) -> str:
    """Open a look at somebody, or note one that is open; return the sentence of a refusal.

    Raises:
        PermissionDenied: this role looks at nobody.
    """
    if not looks.may_look(request):
        raise PermissionDenied
    if looks.is_open(request, profile_id):
        looks.note(request, site_id=site_id, profile_id=profile_id, page="segment")
        return ""
    said = request.POST.get("reason", "") if reason is None else reason
    return looks.begin(request, site_id=site_id, profile_id=profile_id, reason=said, page="segment")


@json_view
def changes(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"segment", "older"?, "newer"?}: what the draft changes, or two versions by number."""
    segment = segment_of(body.get("segment"))
    if "older" in body or "newer" in body:
        older, newer = (int(body.get(name) or 0) for name in ("older", "newer"))
        lines = versions.changes_between(segment.pk, older, newer)
    else:
        lines = versions.draft_changes(segment)
    return {"lines": [{"sign": line.sign, "text": line.text} for line in lines]}


@json_view
def version_list(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"segment"}: its versions, newest first, with who, why, and who came and went."""
    segment = segment_of(body.get("segment"))
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
    """A page: what the draft changes and whom it reaches; a POST publishes it with a note.

    Who may write drafts looks; who may publish, publishes.
    """
    require(request, PUBLISH if request.method == "POST" else CHANGE)
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
    return segment_page(
        request,
        segment,
        "publish",
        f"Publish {segment.name}",
        changes=versions.draft_changes(segment),
        has_changes=any(line.sign != " " for line in versions.draft_changes(segment)),
        serves=segment.versions.filter(state=SegmentVersion.State.LIVE).exists(),
        found=_previewed(segment, "count" in request.GET) if not refused else None,
        refused=refused,
        may_publish=request.user.has_perm(PUBLISH),
        note=note,
        max_note=services.MAX_NOTE,
    )


def history(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """A page: every version with who and why; a POST of `number` and `note` restores one."""
    require(request, VIEW)
    segment = get_object_or_404(Segment, pk=segment_id, is_hidden=False)
    refused = ""
    if request.method == "POST":
        require(request, PUBLISH)
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
    return segment_page(
        request,
        segment,
        "versions",
        f"Versions of {segment.name}",
        versions=versions.history(segment.pk),
        refused=refused,
        may_restore=request.user.has_perm(PUBLISH) and not segment.is_archived,
        max_note=services.MAX_NOTE,
    )


def actor_of(request: HttpRequest) -> services.Actor:
    """Who is signed in; the admin lets nobody else in."""
    user = request.user
    assert user.is_authenticated
    return user


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def segment_page(
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


def _previewed(segment: Segment, is_patient: bool) -> dict[str, Any] | None:
    """The preview of a draft in words for a page; None when it cannot be had.

    Nobody waits for the count of millions who has not asked for it.
    """
    try:
        draft = previews.draft_of(segment.site_id, segment.draft, segment.draft_policy, segment)
        limit_s = None if is_patient else HURRY_S
        found = previews.preview(draft, now=clock.now(), limit_s=limit_s)
    except PreviewTooSlow as error:
        return {"problem": str(error)} if is_patient else {"not_counted": True}
    except PersonalizationError as error:
        return {"problem": str(error)}
    return {
        "words": found.words,
        "size": editing.counted_text(found.size, found),
        "entered": editing.counted_text(found.entered, found),
        "left": editing.counted_text(found.left, found),
        "reach": editing.reach_text(found),
        "is_exact": found.is_exact,
        "depends_on_request": found.depends_on_request,
    }


def draft_in(body: Mapping[str, Any]) -> previews.Draft:
    """The condition given, or the draft of the segment given."""
    segment = segment_of(body["segment"]) if body.get("segment") else None
    if segment is not None:
        condition = body.get("condition", segment.draft)
        policy = body.get("policy", segment.draft_policy)
        return previews.draft_of(segment.site_id, condition, policy, segment)
    site_id = uuid_of(body.get("site"))
    if site_id is None:
        raise InvalidCondition("site", "expected the id of a site, or of a segment")
    return previews.draft_of(site_id, body.get("condition", {}), body.get("policy"))


def segment_of(given: object) -> Segment:
    segment_id = uuid_of(given)
    if segment_id is None:
        raise Http404
    return get_object_or_404(Segment, pk=segment_id, is_hidden=False)


def uuid_of(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def profile_of(site_id: UUID, who: str) -> UUID | None:
    text = who.strip()[:600]
    found = _PROFILE.fullmatch(text.lower())
    if found is not None:
        return UUID(found[1])
    kind, colon, value = text.partition(":")
    if not colon or not value or "\0" in text:
        return None
    return find_profile(site_id, kind.strip(), value.strip())
