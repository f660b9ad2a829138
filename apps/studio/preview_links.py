"""/admin/preview/links/: previews that are shared by a link: make one, see them all, revoke one."""

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.delivery.previewing import links as shared
from apps.segments import pretending
from apps.studio import sites
from apps.studio.preview import SEES, SHARES, setting_of
from apps.studio.preview_form import LETTERS, picture_of, plain, segments_named, shown_of
from apps.studio.types import SiteChoice
from apps.work import clock
from engine.errors import PersonalizationError

DAYS: Final = (1, 3, 7, 14, 30)


def links(request: HttpRequest, made: str = "") -> HttpResponse:
    """GET: the links of a site, the newest first.

    Args:
        made: the address of one that has just been made: it can be read now and never again.
    """
    site = _site(request)
    if site is None:
        return redirect("admin:index")
    now = clock.now()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Shared previews",
        "site": site,
        "made": made,
        "links": [(one, _state(one, now)) for one in shared.links_of(site.id)],
    }
    response = TemplateResponse(request, "admin/studio/preview_links.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """POST {"back", "name", "days"}: make a link to what the desk shows."""
    site = _site(request)
    if site is None:
        return redirect("admin:index")
    pictures, trouble = _pictures(request, site)
    if trouble:
        messages.error(request, trouble)
        return redirect(f"{reverse('admin:preview')}?{request.POST.get('back', '')[:20_000]}")
    days = request.POST.get("days", "")
    user: Any = request.user
    try:
        _, token = shared.share(
            site_id=site.id,
            pictures=pictures,
            name=plain(request.POST.get("name", "")),
            days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 7,
            actor=user,
            now=clock.now(),
        )
    except PersonalizationError as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('admin:preview')}?{request.POST.get('back', '')[:20_000]}")
    address = request.build_absolute_uri(reverse("shared_preview", args=[token]))
    return links(request, address)


@require_POST
def revoke(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """POST: let a link open nothing any more."""
    site = _site(request)
    if site is None:
        return redirect("admin:index")
    user: Any = request.user
    if shared.revoke(site_id=site.id, link_id=link_id, actor=user, now=clock.now()):
        messages.success(request, "This link opens nothing any more.")
    else:
        messages.info(request, "This link was over already.")
    return redirect("admin:preview_links")


def _site(request: HttpRequest) -> SiteChoice | None:
    if not request.user.has_perm(SHARES) or not request.user.has_perm(SEES):
        raise PermissionDenied
    return sites.choose(request)[0]


def _pictures(request: HttpRequest, site: SiteChoice) -> tuple[list[shared.Shared], str]:
    """What the desk showed, and why it cannot be shared."""
    asked = QueryDict(request.POST.get("back", "")[:20_000])
    setting = setting_of(site)
    named = segments_named(asked)
    setting.names.update(pretending.names_of(site.id, named) if named else {})
    shown = shown_of(asked, setting, [])
    text = asked.get("pictures", "1")
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 1
    found = []
    for letter in LETTERS[: max(1, min(count, len(LETTERS)))]:
        picture = picture_of(request, asked, letter, setting, shown)
        if picture.is_person:
            return [], "A preview of a real person cannot be shared. Use segments or a persona."
        if picture.spec is None:
            return [], " ".join(picture.troubles) or "There is nothing to share yet."
        found.append(shared.Shared(picture.label, picture.spec))
    if not (shown.placements or shown.block):
        return [], "Choose a page, a placement or a block first."
    return found, ""


def _state(link: Any, now: Any) -> str:
    if link.revoked_at is not None:
        return "revoked"
    return "over" if link.expires_at <= now else "open"
