"""Publishing a site's drafts, and bringing an earlier publication back."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.decisions import services as decisions
from apps.rules.selectors import contradictions
from apps.studio import selectors, sites
from apps.studio.drafts import drafts_of
from apps.studio.home import PUBLISH, VIEW_PUBLICATIONS
from apps.studio.types import Published, SiteChoice
from apps.work import clock
from engine.errors import PersonalizationError

LISTED = 50
MAX_NOTE = 200


def publish(request: HttpRequest) -> HttpResponse:
    """/admin/publish/: what would change, then a note and a confirmation."""
    _require(request, PUBLISH)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    listed = selectors.publications(site.id, 1)
    serving = listed[0] if listed else None
    drafts = drafts_of(site.id, serving.number if serving else None)
    refused: list[str] = []
    note = request.POST.get("note", "").strip()[:MAX_NOTE]
    if request.method == "POST":
        if request.POST.get("token") != drafts.token or request.POST.get("site") != site.key:
            refused = ["The drafts have changed since this page was opened. Look at them again."]
        else:
            refused = _publish(request, site, serving, note)
            if not refused:
                return redirect("admin:index")
    context = {
        **admin.site.each_context(request),
        "title": "Publish",
        "site": site,
        "sites": all_sites,
        "serving": serving,
        "drafts": drafts,
        "contradictions": contradictions(site.id),
        "refused": refused,
        "note": note,
        "max_note": MAX_NOTE,
    }
    return TemplateResponse(request, "admin/studio/publish.html", context)


def publications(request: HttpRequest) -> HttpResponse:
    """/admin/publications/: what served when; a POST brings one back."""
    _require(request, VIEW_PUBLICATIONS)
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        _require(request, PUBLISH)
        _bring_back(request, site)
        return redirect("admin:publications")
    listed = selectors.publications(site.id, LISTED)
    context = {
        **admin.site.each_context(request),
        "title": "Publications",
        "site": site,
        "sites": all_sites,
        "publications": listed,
        "serving": listed[0] if listed else None,
        "may_publish": request.user.has_perm(PUBLISH),
        "listed": LISTED,
    }
    return TemplateResponse(request, "admin/studio/publications.html", context)


def _publish(
    request: HttpRequest, site: SiteChoice, serving: Published | None, note: str
) -> list[str]:
    """Publish and say so; return the reasons when it is refused."""
    try:
        made = decisions.publish(site_id=site.id, actor=_actor(request), note=note, now=clock.now())
    except PersonalizationError as error:
        found: list[dict[str, str]] = getattr(error, "errors", [])
        return [reason["detail"] for reason in found] or [str(error)]
    if serving is not None and made.number == serving.number:
        messages.info(request, f"Nothing had changed: publication {made.number} goes on serving.")
    else:
        messages.success(request, f"Publication {made.number} serves now.")
    return []


def _bring_back(request: HttpRequest, site: SiteChoice) -> None:
    text = request.POST.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        messages.error(request, "Name a publication by its number.")
        return
    if request.POST.get("site") != site.key:
        messages.error(request, "Another site was chosen meanwhile. Look again before you click.")
        return
    try:
        made = decisions.rollback(
            site_id=site.id, number=int(text), actor=_actor(request), now=clock.now()
        )
    except PersonalizationError as error:
        messages.error(request, str(error))
        return
    if made.restores == int(text):
        messages.success(
            request,
            f"Publication {made.number} serves now, with what {text} said. Drafts are as before.",
        )
    else:
        messages.info(request, f"Publication {made.number} says the same as {text} and serves.")


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _actor(request: HttpRequest) -> Any:
    """The admin lets nobody anonymous in, which the type of a request cannot know."""
    return request.user
