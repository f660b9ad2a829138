"""Who a picture of the preview desk is of: a real person, with a reason, or a member by chance."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.segments import pretending
from apps.segments.studies.boxed import FEWEST
from apps.studio import explaining, looks, selectors, sites
from apps.studio.preview import SEES
from apps.studio.preview_form import LETTERS, plain
from apps.work import clock
from engine.errors import InvalidCondition


@require_POST
def person(request: HttpRequest) -> HttpResponse:
    """POST {"q", "reason", "letter", "back"}: look through the eyes of a person, for a while."""
    if not looks.may_look(request) or not request.user.has_perm(SEES):
        raise PermissionDenied
    site, _ = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    question = request.POST.get("q", "")
    profile_id = explaining.profile_of(site.id, question)
    if profile_id is None or selectors.site_of_profile(profile_id) != site.id:
        messages.error(request, "Nobody here has that identity. It is matched whole, as sent.")
        return _back(request)
    refused = looks.begin(
        request,
        site_id=site.id,
        profile_id=profile_id,
        reason=request.POST.get("reason", ""),
        page="preview",
    )
    if refused:
        messages.error(request, refused)
        return _back(request)
    return _back(request, who="person", person=f"prf_{profile_id.hex}")


@require_POST
def sample(request: HttpRequest) -> HttpResponse:
    """POST {"segment", "letter", "back"}: look through the eyes of a member, drawn by chance."""
    if not request.user.has_perm(SEES) or not request.user.has_perm("segments.view_segment"):
        raise PermissionDenied
    site, _ = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    key = plain(request.POST.get("segment", ""))[:100]
    try:
        member: UUID | None = pretending.drawn_member(site.id, key)
    except InvalidCondition:
        messages.error(request, f"This site has no segment “{key}”.")
        return _back(request)
    if member is None:
        messages.error(
            request,
            f"This segment has fewer than {FEWEST} members: one of so few would be somebody. "
            "Preview as “somebody in segments”, or with an invented person.",
        )
        return _back(request)
    user: Any = request.user
    opaque = looks.sealed(site.id, user.pk, member, clock.now())
    return _back(request, who="sample", sample=opaque)


def _back(request: HttpRequest, **changed: str) -> HttpResponse:
    """Return to the desk as it was, with one picture changed."""
    asked = QueryDict(request.POST.get("back", "")[:20_000], mutable=True)
    letter = request.POST.get("letter", "a")
    for name, value in changed.items():
        asked[f"{letter if letter in LETTERS else 'a'}.{name}"] = value
    pairs = [(name, value) for name, values in asked.lists() for value in values]
    return redirect(f"{reverse('admin:preview')}?{urlencode(pairs)}")
