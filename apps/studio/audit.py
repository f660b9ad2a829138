"""/admin/audit/: what wants a look in the content of a site, found by a worker once a day."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.decisions import findings
from apps.decisions.findings import Found
from apps.studio import audit_checks, audit_texts, sites
from apps.studio.domain.problems_content import KINDS
from apps.studio.home import VIEW_CONTENT
from apps.studio.pages import require
from apps.studio.types import SiteChoice
from apps.work import clock
from apps.work import services as work

KIND: Final = "studio.audit"
CHANGE: Final = "content.change_block"
LISTED: Final = 50
LEAST_REASON: Final = 5  # characters
REFRESH_S: Final = 3

Check = Callable[[UUID, datetime], Iterator[Found]]

# In this order; each is worded and committed with the others at the end.
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("what cannot be published", audit_texts.refused),
    ("variables", audit_texts.broken_variables),
    ("links", audit_texts.dead_links),
    ("pictures", audit_texts.without_alt),
    ("rules", audit_texts.shadowed),
    ("conflicts", audit_checks.conflicts),
    ("ends", audit_checks.ending),
    ("translations", audit_checks.untranslated),
    ("placements", audit_checks.without_block),
    ("what was served", audit_checks.never_served),
    ("what is old", audit_checks.stale),
    ("segments", audit_checks.unused_segments),
)
_LAST: Final = """
SELECT state, done_steps, total_steps, note, finished_at FROM work_intent
WHERE site_id = %(site)s AND kind = %(kind)s ORDER BY created_at DESC LIMIT 1
"""


def ask(site_id: UUID, now: datetime) -> None:
    """Ask a worker to look through a site's content."""
    work.ask(KIND, key="content", site_id=site_id, now=now)


def perform(task: work.Work, now: datetime) -> int:
    """Look through a site's content; return how many lines are open. Safe to run twice."""
    assert task.site_id is not None
    found: list[Found] = []
    for step, (words, check) in enumerate(CHECKS):
        task.progress(step, len(CHECKS), f"Looking at {words}")
        found += check(task.site_id, now)
    return findings.keep(site_id=task.site_id, found=found, now=now)


def page(request: HttpRequest) -> HttpResponse:
    """What was found. `kind` narrows it, `aside=1` shows what was set aside.

    A POST looks again, sets a line aside with a reason, or takes it back.
    """
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        return _act(request, site)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    aside = bool(request.GET.get("aside"))
    pages = Paginator(findings.lines(site.id, kind=kind, aside=aside), LISTED)
    listed = pages.get_page(request.GET.get("page"))
    counts = findings.counts(site.id)
    context = {
        **admin.site.each_context(request),
        "title": "Content audit",
        "site": site,
        "sites": all_sites,
        "lines": [(one, KINDS.get(one.kind)) for one in listed],
        "listed": listed,
        "total": sum(counts.values()),
        "kinds": [
            (name, one, counts[name], name == kind) for name, one in KINDS.items() if name in counts
        ],
        "kind": kind,
        "aside": aside,
        "last": _last(site.id),
        "refresh_s": REFRESH_S,
        "may_change": request.user.has_perm(CHANGE),
        "checks": [words for words, _ in CHECKS],
        "here": urlencode({"kind": kind, "aside": "1" if aside else ""}),
    }
    return TemplateResponse(request, "admin/studio/audit.html", context)


def _act(request: HttpRequest, site: SiteChoice) -> HttpResponse:
    require(request, CHANGE)
    here = QueryDict(request.POST.get("here", "")[:200])
    kept = urlencode({name: here[name] for name in ("kind", "aside") if here.get(name)})
    back = redirect(f"{reverse('admin:audit')}?{kept}")
    now = clock.now()
    if "again" in request.POST:
        ask(site.id, now)
        messages.info(request, "A worker looks through the content now.")
        return back
    number = request.POST.get("line", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        messages.error(request, "Name the line that is meant.")
    elif "take_back" in request.POST:
        if findings.take_back(site_id=site.id, finding_id=int(number), actor=request.user, now=now):
            messages.success(request, "The line is back.")
    else:
        _set_aside(request, site, int(number), now)
    return back


def _set_aside(request: HttpRequest, site: SiteChoice, number: int, now: datetime) -> None:
    reason = " ".join(request.POST.get("reason", "").split())
    if len(reason) < LEAST_REASON:
        messages.error(request, "Say in a few words why, for whoever wonders later.")
    elif findings.dismiss(
        site_id=site.id, finding_id=number, reason=reason, actor=request.user, now=now
    ):
        messages.success(request, "Set aside, until what was found changes.")
    else:
        messages.info(request, "This line is gone meanwhile.")


def _last(site_id: UUID) -> dict[str, Any] | None:
    """How far the newest audit is; None: there was none."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"site": str(site_id), "kind": KIND})
        row = cursor.fetchone()
    if row is None:
        return None
    state, done, total, note, finished_at = row
    return {
        "state": state,
        "is_open": state in ("waiting", "running"),
        "pct": round(100 * done / total, 1) if total else None,
        "note": note,
        "finished_at": finished_at,
    }
