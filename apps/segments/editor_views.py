"""The segment form's JSON, what may be written and what a draft comes to, and the page "why"."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from apps.access import looks
from apps.segments import admin_views, editing, explaining, previews
from apps.segments.findings import Finding
from apps.segments.linter import findings_for_draft
from apps.segments.models import Segment, SegmentVersion
from apps.work import clock
from engine.errors import PersonalizationError


@admin_views.json_view
def schema(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment"}: the language, and the names that this site has seen."""
    segment = admin_views.segment_of(body["segment"]) if body.get("segment") else None
    site_id = segment.site_id if segment is not None else admin_views.uuid_of(body.get("site"))
    return editing.schema(site_id, but=segment.pk if segment else None)


@admin_views.json_view
def live(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site" or "segment", "condition", "policy"?}: all that stands beside the form."""
    return editing.beside(
        body,
        draft=lambda: admin_views.draft_in(body),
        findings=lambda draft: _findings(body, draft),
        may_see_people=request.user.has_perm(editing.SEES_PEOPLE),
    )


def _findings(body: Mapping[str, Any], draft: previews.Draft) -> list[Finding]:
    key = previews.DRAFT
    if draft.segment_id is not None:
        key = Segment.objects.values_list("key", flat=True).get(pk=draft.segment_id)
    return findings_for_draft(draft.site_id, key, body["condition"], body.get("policy") or {})


def why(request: HttpRequest, segment_id: UUID) -> HttpResponse:
    """A page: is this person in the segment, by the draft or as published, and why. Audited.

    A POST of `who` and `reason` leads on to the profile's id, so that no identity stays in an
    address. What was found about somebody is shown after a reason, for a while.
    """
    admin_views.require(request, admin_views.VIEW)
    admin_views.require(request, editing.SEES_PEOPLE)
    segment = get_object_or_404(Segment, pk=segment_id, is_hidden=False)
    question, is_draft = request.POST.get("who", "").strip(), bool(request.GET.get("draft"))
    context: dict[str, Any] = {"question": question, "is_draft": is_draft}
    if question:
        profile_id = admin_views.profile_of(segment.site_id, question)
        refused = profile_id and admin_views.look(request, segment.site_id, profile_id)
        if profile_id is not None and not refused:
            query = {"profile": str(profile_id), **({"draft": "1"} if is_draft else {})}
            return redirect(f"{request.path}?{urlencode(query)}")
        context |= {"is_unknown": profile_id is None, "refused": refused}
    elif request.GET.get("profile"):
        context |= _asked(request, segment, request.GET["profile"], is_draft=is_draft)
    title = f"Who is in {segment.name}, and why"
    return admin_views.segment_page(request, segment, "why", title, **context)


def why_by_key(request: HttpRequest) -> HttpResponse:
    """`?site=&key=&profile=`: lead on to the page of the segment, for pages that know its key."""
    admin_views.require(request, admin_views.VIEW)
    site_id = admin_views.uuid_of(request.GET.get("site"))
    segment = get_object_or_404(
        Segment, site_id=site_id, key=request.GET.get("key", ""), is_hidden=False
    )
    query = urlencode({"profile": request.GET.get("profile", "")})
    return redirect(f"{reverse('admin:segments_segment_why', args=[segment.pk])}?{query}")


def _asked(request: HttpRequest, segment: Segment, given: str, *, is_draft: bool) -> dict[str, Any]:
    """The explanation for the profile given, and a word of the look in the audit trail."""
    profile_id = admin_views.uuid_of(given.removeprefix("prf_"))
    if profile_id is not None and not looks.is_open(request, profile_id):
        return {"question": f"prf_{profile_id.hex}", "needs_reason": True}
    serving = segment.versions.exclude(state=SegmentVersion.State.SUPERSEDED)
    newest = serving.order_by("-number").first()
    use_draft = is_draft or newest is None
    condition = segment.draft if use_draft or newest is None else newest.condition
    policy = segment.draft_policy if use_draft or newest is None else newest.policy
    try:
        draft = previews.draft_of(segment.site_id, condition, policy, segment)
    except PersonalizationError as error:
        return {"refused": str(error)}
    found = None
    if profile_id is not None:
        found = explaining.explain(draft, profile_id, now=clock.now())
    if found is None:
        return {"is_unknown": True}
    if profile_id is not None:
        looks.note(request, site_id=segment.site_id, profile_id=profile_id, page="segment")
    return {
        "found": found,
        "use_draft": use_draft,
        "version": None if use_draft or newest is None else newest.number,
        "depends_on_request": draft.depends_on_request,
        "is_path_dependent": draft.is_path_dependent,
    }
