"""The page on which a merge of two profiles is undone. The page of a profile leads to it."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.access.site_staff import works_on
from apps.pipeline.splitting import Forecast, forecast, split_profile
from apps.profiles.errors import CannotUndo
from apps.profiles.splitting import MAX_REASON, merge_of
from apps.studio import selectors
from apps.work import clock

UNDO: Final = ("profiles.view_profile", "profiles.undo_merge")


def undo(request: HttpRequest, number: int) -> HttpResponse:
    """GET says what an undo would do, POST with a reason does it."""
    user: Any = request.user
    if not user.has_perms(UNDO):
        raise PermissionDenied
    record = merge_of(number)
    site_id = None if record is None else selectors.site_of_profile(record.winner_id)
    if record is not None and (site_id is None or not works_on(user, site_id)):
        raise Http404
    refused = ""
    if request.method == "POST":
        reason = request.POST.get("reason", "")
        try:
            split = split_profile(merge_id=number, actor=user, reason=reason, now=clock.now())
        except CannotUndo as error:
            refused = str(error)
        else:
            messages.success(
                request,
                f"Two profiles again: {split.loser} with {split.loser_events:,} events, "
                f"{split.winner} with {split.winner_events:,}.",
            )
            return redirect("admin:profiles_profile_change", split.loser)
    return _page(request, number, refused)


def _page(request: HttpRequest, number: int, refused: str) -> HttpResponse:
    record = merge_of(number)
    if record is None:
        raise Http404
    expected: Forecast | None = None
    problem = ""
    try:
        expected = forecast(record)
    except CannotUndo as error:
        problem = str(error)
    context = {
        **admin.site.each_context(request),
        "title": f"Undo merge {number}",
        "record": record,
        "expected": expected,
        "problem": problem,
        "refused": "" if refused == problem else refused,
        "reason": request.POST.get("reason", ""),
        "max_reason": MAX_REASON,
    }
    return TemplateResponse(request, "admin/studio/undo_merge.html", context)
