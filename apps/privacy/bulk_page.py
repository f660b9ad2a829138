"""The page of a bulk action: who asked, what it would do, and the second officer's decision."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.privacy import bulk
from apps.privacy.models.requests import BulkAction
from apps.work import clock
from engine.errors import PersonalizationError


def show(request: HttpRequest, asked: BulkAction, may_change: bool) -> HttpResponse:
    """GET shows it, POST with a step decides or takes back."""
    user: Any = request.user
    problem = ""
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        try:
            _decide(request, asked)
        except PersonalizationError as error:
            problem = str(error)
        else:
            return redirect("admin:privacy_bulkaction_change", asked.pk)
    is_own = asked.asked_by_id == user.pk
    is_waiting = asked.state == BulkAction.State.WAITING
    context = {
        **admin.site.each_context(request),
        "title": str(asked).capitalize(),
        "asked": asked,
        "rows": asked.requests.order_by("public_ref"),
        "votes": asked.votes.select_related("officer"),
        "problem": problem,
        "is_own": is_own,
        "may_vote": is_waiting and may_change and not is_own and user.has_perm(bulk.DECIDE),
        "may_withdraw": is_waiting and is_own,
        "is_waiting": is_waiting,
    }
    return TemplateResponse(request, "admin/privacy/bulk.html", context)


def _decide(request: HttpRequest, asked: BulkAction) -> None:
    user: Any = request.user
    now, step = clock.now(), request.POST.get("step")
    if step == "withdraw":
        bulk.withdraw(bulk_id=asked.pk, actor=user, now=now)
        messages.success(request, "Taken back. The requests can be decided one by one.")
        return
    words, is_yes = request.POST.get("words", ""), step == "yes"
    bulk.vote(bulk_id=asked.pk, is_yes=is_yes, words=words, actor=user, now=now)
    messages.success(request, "Approved: it is being done." if is_yes else "Refused.")
