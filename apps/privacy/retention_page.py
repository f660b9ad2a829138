"""The page of retention: how long what is kept, what the last run removed, and what is left."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access import keeping
from apps.access.models import Site
from apps.access.services import record_audit
from apps.privacy import retention
from apps.privacy.chosen_site import chosen
from apps.privacy.models import RetentionRun
from apps.privacy.retention_kinds import Kind
from apps.work import clock

_LEVELS = {"done": "ok", "partly": "warn", "failed": "bad"}
_LATE = timedelta(days=2)
LEAST_EVENTS_DAYS = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of data of a site.

    Args:
        least: the fewest days that may be chosen; None: the number is not the site's to choose.
        is_over: something is left that is older than it should be.
    """

    kind: Kind
    days: int
    default: int
    least: int | None
    run: RetentionRun | None
    level: str
    is_over: bool


def page(request: HttpRequest) -> HttpResponse:
    """GET shows; POST changes how long one site keeps what (for who may change the site)."""
    if not request.user.has_perm("privacy.view_retentionrun"):
        raise PermissionDenied
    picked = chosen(request)
    may_change = request.user.has_perm("access.change_site")
    problems: dict[str, str] = {}
    if request.method == "POST" and picked.site is not None:
        if not may_change:
            raise PermissionDenied
        problems = _save(request, picked.site)
        if not problems:
            messages.success(request, "Saved. The next run keeps to it.")
            address = reverse("admin:privacy_retentionrun_changelist")
            return HttpResponseRedirect(f"{address}?site={picked.site.key}")
    now = clock.now()
    newest = RetentionRun.objects.order_by("-at").first()
    context = {
        **admin.site.each_context(request),
        "title": "Retention",
        "site": picked.site,
        "sites": picked.sites,
        "lines": lines_of(picked.site) if picked.site else [],
        "newest": newest,
        "is_late": newest is not None and newest.at < now - _LATE,
        "may_change": may_change,
        "problems": problems,
        "most": keeping.MOST,
        "said": request.POST if problems else {},
    }
    return TemplateResponse(request, "admin/privacy/retention.html", context)


def lines_of(site: Site) -> list[Line]:
    """Return every kind with its newest run for the site. A statement for each kind."""
    found = []
    for kind in retention.kinds():
        rows = RetentionRun.objects.filter(kind=kind.key)
        rows = rows.filter(site=site) if kind.is_of_sites else rows.filter(site=None)
        run = rows.order_by("-at", "-pk").first()
        is_own = kind.is_of_sites and kind.days is None
        found.append(
            Line(
                kind=kind,
                days=retention.days_of(kind, site),
                default=kind.days if kind.days is not None else keeping.DAYS[kind.key],
                least=keeping.LEAST.get(kind.key, LEAST_EVENTS_DAYS) if is_own else None,
                run=run,
                level=_LEVELS.get(run.state, "plain") if run else "plain",
                is_over=_is_over(kind, run),
            )
        )
    return found


def _is_over(kind: Kind, run: RetentionRun | None) -> bool:
    if run is None or run.oldest_left is None:
        return False
    return run.oldest_left < run.cutoff - kind.slack


def _save(request: HttpRequest, site: Site) -> dict[str, str]:
    """Write the numbers of the form; return what is wrong with them, by kind, if anything is."""
    wanted: dict[str, int] = {}
    problems = {}
    for line in lines_of(site):
        text = request.POST.get(f"days-{line.kind.key}", "").strip()
        if line.least is None or not text:
            continue
        if not text.isdecimal() or not line.least <= int(text) <= keeping.MOST:
            problems[line.kind.key] = f"Give {line.least:,} to {keeping.MOST:,} days."
        else:
            wanted[line.kind.key] = int(text)
    if problems:
        return problems
    before = {kind: keeping.days_of(site, kind) for kind in wanted}
    changed = {kind: [before[kind], days] for kind, days in wanted.items() if before[kind] != days}
    if changed:
        site.retention_days = wanted.get("events", site.retention_days)
        own = {kind: days for kind, days in wanted.items() if kind != "events"}
        site.privacy_settings = {**site.privacy_settings, **own}
        site.save(update_fields=["retention_days", "privacy_settings"])
        record_audit(
            action="privacy.retention_changed",
            actor=request.user if request.user.is_authenticated else None,
            site_id=site.pk,
            target_kind="access.site",
            target_id=str(site.pk),
            detail={"days": changed},
            now=clock.now(),
        )
    return {}
