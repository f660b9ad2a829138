"""The history of one object: who saved what and when, compared field by field, and brought back."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.content import revisions
from apps.content.errors import RestoreRefused, RevisionNotFound
from apps.content.revisions import Kind, RevisionRow
from apps.content.revisions_words import Line, fields_between, lines_between
from apps.studio.pages import require
from apps.work import clock

LISTED: Final = 25  # each is compared with the one before it
MAX_FIELDS: Final = 6  # named in a line of the list; the comparison has them all


@dataclass(frozen=True, slots=True)
class Saved:
    """One line of the page: a revision, and which fields it changed."""

    row: RevisionRow
    fields: list[str]
    more: int
    is_current: bool


def history(request: HttpRequest, kind_name: str, object_id: UUID) -> HttpResponse:
    """/admin/history/<kind>/<id>/: the revisions; ?a=3&b=7 compares two; a POST restores one."""
    kind = _kind(kind_name)
    require(request, kind.view_permission)
    row = _row(kind, object_id)
    if request.method == "POST":
        return _restore(request, kind, row)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    before = _number(request.GET.get("before"))
    listed = revisions.revisions_of(kind.name, object_id, LISTED + 1, before)
    may_change = request.user.has_perm(kind.change_permission) and not _is_archived(row)
    context = {
        **admin.site.each_context(request),
        "title": f"History of {row}",
        "kind": kind,
        "row": row,
        "saved": _saved(kind, object_id, listed, is_newest=before is None),
        "older": listed[LISTED - 1].number if len(listed) > LISTED else None,
        "compared": _compared(request, kind, object_id),
        "change_url": reverse(kind.change_url, args=[object_id]),
        "usage_url": reverse("admin:usage", args=[kind.name, object_id]),
        "may_change": may_change,
        "is_archived": _is_archived(row),
    }
    return TemplateResponse(request, "admin/studio/history.html", context)


@require_POST
def undo(request: HttpRequest, kind_name: str, object_id: UUID) -> HttpResponse:
    """/admin/history/<kind>/<id>/undo/: take one save back, and keep what others saved since."""
    kind = _kind(kind_name)
    require(request, kind.change_permission)
    row = _row(kind, object_id)
    number = _number(request.POST.get("number"))
    change = reverse(kind.change_url, args=[object_id])
    if number is None or _is_archived(row):
        raise Http404
    user: Any = request.user
    try:
        revisions.undo(kind.name, object_id, number, actor=user, now=clock.now())
    except RevisionNotFound:
        messages.error(request, "There is nothing before this save.")
    except RestoreRefused as error:
        messages.error(request, f"Not undone. {error}")
        return redirect("admin:history", kind.name, object_id)
    else:
        messages.success(request, f"Undone: {row} is as it was before that save.")
    return redirect(change)


def _restore(request: HttpRequest, kind: Kind, row: Any) -> HttpResponse:
    require(request, kind.change_permission)
    if _is_archived(row):
        raise PermissionDenied
    number = _number(request.POST.get("number"))
    if number is None:
        raise Http404
    note = " ".join(request.POST.get("note", "").split())
    words = f"Restored from revision {number}" + (f": {note}" if note else "")
    user: Any = request.user
    try:
        saved = revisions.restore(
            kind.name, row.pk, number, actor=user, now=clock.now(), note=words
        )
    except (RestoreRefused, RevisionNotFound) as error:
        messages.error(request, f"Not restored. {error}")
        return redirect("admin:history", kind.name, row.pk)
    messages.success(
        request,
        f"{row} is as it was in revision {number} again. It is a draft, and its own revision "
        f"{saved.number}: what visitors see changes with the next publication.",
    )
    return redirect("admin:history", kind.name, row.pk)


def _saved(
    kind: Kind, object_id: UUID, listed: list[RevisionRow], *, is_newest: bool
) -> list[Saved]:
    """The lines of the page, each with the fields that it changed. One query."""
    numbers = {one.number for one in listed}
    documents = revisions.documents_of(kind.name, object_id, numbers)
    lines = []
    for index, one in enumerate(listed[:LISTED]):
        previous = documents.get(listed[index + 1].number) if index + 1 < len(listed) else None
        fields = [] if previous is None else fields_between(kind, previous, documents[one.number])
        lines.append(
            Saved(
                one, fields[:MAX_FIELDS], max(0, len(fields) - MAX_FIELDS), is_newest and not index
            )
        )
    return lines


@dataclass(frozen=True, slots=True)
class Compared:
    """Two revisions, the older first."""

    before: int
    after: int
    lines: list[Line]


def _compared(request: HttpRequest, kind: Kind, object_id: UUID) -> Compared | None:
    asked = sorted({_number(request.GET.get(name)) or 0 for name in ("a", "b")})
    if len(asked) != 2 or not all(asked):
        return None
    documents = revisions.documents_of(kind.name, object_id, set(asked))
    if len(documents) != 2:
        raise Http404
    older, newer = asked
    return Compared(older, newer, lines_between(kind, documents[older], documents[newer]))


def _kind(name: str) -> Kind:
    kind = revisions.kind_named(name)
    if kind is None:
        raise Http404
    return kind


def _row(kind: Kind, object_id: UUID) -> Any:
    row = kind.model_class._base_manager.filter(pk=object_id).first()
    if row is None:
        raise Http404
    return row


def _is_archived(row: Any) -> bool:
    return getattr(row, "archived_at", None) is not None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
