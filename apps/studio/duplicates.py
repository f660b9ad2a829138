"""The queue of profiles that may be one person, and the page on which somebody decides.

Nothing that either has told is shown: whoever has to compare values opens the profiles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from apps.access.site_staff import works_on
from apps.pipeline import merging_by_hand
from apps.profiles import duplicates, splitting, state
from apps.profiles.duplicates import Pair
from apps.profiles.errors import CannotMerge
from apps.profiles.splitting import MAX_REASON
from apps.studio import sites
from apps.work import clock

MAY_DECIDE: Final = ("profiles.view_profile", "profiles.view_duplicate", "profiles.merge_profiles")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, as far as it may be shown. `identities`: how many of which kind."""

    profile_id: UUID
    identities: dict[str, int]
    events: int
    first_seen: datetime | None
    last_seen: datetime | None


def addresses(admin_view: Callable[..., Any]) -> list[URLPattern]:
    """The pages' addresses."""
    return [
        path("duplicates/", admin_view(queue), name="duplicates"),
        path("duplicates/look/", admin_view(require_POST(look)), name="duplicates_look"),
        path("duplicates/<int:number>/", admin_view(decide), name="duplicate"),
    ]


def queue(request: HttpRequest) -> HttpResponse:
    """The pairs of the chosen site that wait."""
    _require(request)
    site, known = sites.choose(request)
    pairs = [] if site is None else duplicates.waiting(site.id)
    context = {
        **admin.site.each_context(request),
        "title": "Duplicates",
        "site": site,
        "sites": known,
        "pairs": pairs,
        "count": 0 if site is None else duplicates.waiting_count(site.id),
        "most_sharing": duplicates.MOST_SHARING,
    }
    return TemplateResponse(request, "admin/studio/duplicates.html", context)


def look(request: HttpRequest) -> HttpResponse:
    """POST: look for pairs now instead of tonight."""
    _require(request)
    site, _ = sites.choose(request)
    if site is not None:
        found = duplicates.look(site.id, now=clock.now())
        pairs = "1 new pair" if found == 1 else f"{found:,} new pairs"
        messages.success(request, f"Looked through the addresses and numbers: {pairs}.")
    return redirect("admin:duplicates")


def decide(request: HttpRequest, number: int) -> HttpResponse:
    """GET shows a pair and what a merge would do; POST merges it or keeps the two apart."""
    _require(request)
    pair = duplicates.pair_of(number)
    if pair is None or not works_on(request.user, pair.site_id):
        raise Http404
    refused = ""
    if request.method == "POST":
        user: Any = request.user
        if request.POST.get("decision") == "apart":
            duplicates.keep_apart(number, actor=user, now=clock.now())
            messages.success(request, "Kept apart: no event joins the two, and nobody is asked.")
            return redirect("admin:duplicates")
        try:
            merged = merging_by_hand.merge_pair(
                number=number,
                actor=user,
                reason=request.POST.get("reason", ""),
                now=clock.now(),
            )
        except CannotMerge as error:
            refused = str(error)
        else:
            messages.success(
                request, "One person now. The merge can be undone on the page of the profile."
            )
            return redirect("admin:profiles_profile_change", merged.winner)
    return _page(request, pair, refused)


def _page(request: HttpRequest, pair: Pair, refused: str) -> HttpResponse:
    rows = {row.profile_id: row for row in state.read({pair.one, pair.other})}
    problem = merging_by_hand.why_not(pair) if len(rows) == 2 else "One of them is gone."
    context = {
        **admin.site.each_context(request),
        "title": "Are these one person?",
        "pair": pair,
        "sides": [_side(rows[one]) for one in (pair.one, pair.other) if one in rows],
        "problem": problem,
        "refused": "" if refused == problem else refused,
        "reason": request.POST.get("reason", ""),
        "max_reason": MAX_REASON,
    }
    return TemplateResponse(request, "admin/studio/duplicate.html", context)


def _side(row: state.StateRow) -> Side:
    kinds: dict[str, int] = {}
    for one in splitting.identities_of(row.profile_id):
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
    return Side(
        row.profile_id,
        dict(sorted(kinds.items())),
        row.event_count,
        None if row.first_seen_ms is None else clock.from_ms(row.first_seen_ms),
        None if row.last_seen_ms is None else clock.from_ms(row.last_seen_ms),
    )


def _require(request: HttpRequest) -> None:
    user: Any = request.user
    if not user.has_perms(MAY_DECIDE):
        raise PermissionDenied
