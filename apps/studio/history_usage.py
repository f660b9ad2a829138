"""Where an object is used, before it is archived; and the way back out of the archive."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse

from apps.content.archiving import VARIANT, archive, can_archive, unarchive, usages_in_drafts
from apps.content.errors import InUse, InvalidContent
from apps.content.revisions import kind_named
from apps.segments.types import Usage
from apps.studio.pages import require
from apps.work import clock


@dataclass(frozen=True, slots=True)
class Subject:
    """What the page is about: a row, what its kind is called, and the page it is edited on."""

    kind: str
    label: str
    row: Any
    site_id: UUID
    change_url: str
    history_url: str
    permission: str


def usage(request: HttpRequest, kind_name: str, object_id: UUID) -> HttpResponse:
    """/admin/usage/<kind>/<id>/: what uses it; a POST archives it or brings it back."""
    subject = _subject(kind_name, object_id)
    app, _, model = subject.permission.partition(".")
    require(request, f"{app}.view_{model}")
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    may_change = request.user.has_perm(f"{app}.change_{model}") and can_archive(kind_name)
    if request.method == "POST":
        require(request, f"{app}.change_{model}")
        return _change(request, subject)
    found = usages_in_drafts(subject.site_id, kind_name, object_id)
    context = {
        **admin.site.each_context(request),
        "title": f"Where {subject.row} is used",
        "subject": subject,
        "usages": [_linked(one) for one in found],
        "is_archived": getattr(subject.row, "archived_at", None) is not None,
        "may_change": may_change,
        "is_default": getattr(subject.row, "is_default", False),
    }
    return TemplateResponse(request, "admin/studio/usage.html", context)


def _change(request: HttpRequest, subject: Subject) -> HttpResponse:
    user: Any = request.user
    row, now = subject.row, clock.now()
    try:
        if "bring_back" in request.POST:
            unarchive(subject.kind, row.pk, user, now)
            messages.success(request, f"{row} is back among the drafts.")
        else:
            archive(subject.kind, row.pk, user, now)
            messages.success(
                request,
                f"{row} is in the archive. Visitors see it go with the next publication, and you "
                "can bring it back at any time.",
            )
    except (InUse, InvalidContent) as error:
        messages.error(request, f"Not archived. {error}")
    return redirect("admin:usage", subject.kind, row.pk)


def _subject(kind_name: str, object_id: UUID) -> Subject:
    if kind_name == VARIANT:
        model = apps.get_model("content.variant")
        row: Any = model._base_manager.select_related("block").filter(pk=object_id).first()
        if row is None:
            raise Http404
        return Subject(
            VARIANT,
            "Variant",
            row,
            row.block.site_id,
            reverse("admin:content_block_change", args=[row.block_id]),
            reverse("admin:history", args=["block", row.block_id]),
            "content.variant",
        )
    kind = kind_named(kind_name)
    row = None if kind is None else kind.model_class._base_manager.filter(pk=object_id).first()
    if kind is None or row is None:
        raise Http404
    return Subject(
        kind.name,
        kind.label,
        row,
        row.site_id,
        reverse(kind.change_url, args=[row.pk]),
        reverse("admin:history", args=[kind.name, row.pk]),
        kind.model,
    )


def _linked(usage: Usage) -> dict[str, str]:
    url = ""
    if usage.url_name and usage.object_id is not None:
        try:
            url = reverse(usage.url_name, args=[usage.object_id])
        except NoReverseMatch:
            url = ""
    return {"kind": usage.kind, "name": usage.name, "url": url}
