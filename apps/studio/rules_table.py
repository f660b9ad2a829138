"""/admin/rules/table/: the rules as a decision table, out as CSV and in again after a look."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.selectors import zone_of
from apps.rules.errors import InvalidTable
from apps.rules.selectors import review, table_of
from apps.rules.services import LARGE, ask_to_save, save_table
from apps.studio.pages import require
from apps.studio.rules_pages import ADD, CHANGE, Opened, opened
from apps.work import clock
from apps.work.selectors import standing_of

REFRESH_S: Final = 2
SHOWN: Final = 300  # rows of a review that are shown; the others are counted
_ORDER: Final = {"refused": 0, "new": 1, "changed": 2, "same": 3}


def table(request: HttpRequest) -> HttpResponse:
    """The page. `csv=1`: the file. POST `file`: a look at it; POST `text`, `seen`: save it."""
    page = opened(request, "rules_table", "Decision table")
    if page is None:
        return redirect("admin:index")
    zone = zone_of(page.site.id)
    page.context["zone"] = zone
    if request.method != "POST":
        return _file(page, zone) if "csv" in request.GET else _shown(request, page)
    require(request, CHANGE)
    require(request, ADD)
    try:
        if "seen" in request.POST:
            return _save(request, page, zone)
        _look(request, page, zone)
    except InvalidTable as error:
        page.context["refused"] = str(error)
    return _shown(request, page)


def _shown(request: HttpRequest, page: Opened) -> HttpResponse:
    try:
        saving = UUID(request.GET.get("saving", ""))
    except ValueError:
        saving = None
    if saving is not None:
        page.context |= {"saving": standing_of(saving), "refresh_s": REFRESH_S}
    return TemplateResponse(request, "admin/rules/table.html", page.context)


def _file(page: Opened, zone: str) -> HttpResponse:
    answer = HttpResponse(table_of(page.site.id, zone), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="rules-{page.site.key}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def _look(request: HttpRequest, page: Opened, zone: str) -> None:
    given = request.FILES.get("file")
    if given is None:
        raise InvalidTable("Choose a file first.")
    content = given.read()
    found = review(page.site.id, zone, content)
    text = content.decode("utf-8-sig") if _is_utf8(content) else content.decode("utf-16")
    rows = sorted(found.rows, key=lambda row: (_ORDER[row.state], row.line))
    page.context |= {
        "review": found,
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "counts": {state: found.count(state) for state in _ORDER},
        "text": text,
        "file_name": given.name,
    }


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True


def _save(request: HttpRequest, page: Opened, zone: str) -> HttpResponse:
    content, seen = request.POST.get("text", "").encode("utf-8"), request.POST.get("seen", "")
    looked = review(page.site.id, zone, content)
    if looked.count("new") + looked.count("changed") > LARGE and not looked.count("refused"):
        asked = ask_to_save(
            site_id=page.site.id,
            content=content,
            seen=seen,
            actor=request.user,
            now=clock.now(),
        )
        return HttpResponseRedirect(f"{reverse('admin:rules_table')}?saving={asked}")
    found = save_table(
        site_id=page.site.id,
        zone=zone,
        content=content,
        seen=seen,
        actor=request.user,
        now=clock.now(),
    )
    made, changed = found.count("new"), found.count("changed")
    messages.success(
        request,
        f"{made} rules were made and {changed} changed. Publish to use them; each can be taken "
        "back in its history.",
    )
    return HttpResponseRedirect(reverse("admin:rules_table"))
