"""Releases: the list, and the page on which one is looked at, approved, timed and published."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.selectors import needs_approval, zone_of
from apps.access.site_time import SiteDateTimeField, wall_clock
from apps.decisions import release_reads, releases
from apps.decisions.release_reads import SEGMENT_DRAFT
from apps.studio import sites
from apps.studio.domain.segment_words import segment_detail
from apps.studio.drafts import WORDS, Shown, page_of, told_by_name, value_of
from apps.studio.home import PUBLISH, VIEW_PUBLICATIONS
from apps.studio.publishing import actor_of, reasons_of, require
from apps.studio.types import SiteChoice
from apps.work import clock
from engine.errors import PersonalizationError

APPROVE: Final = "decisions.approve_release"
LEVELS: Final = {
    "open": "plain",
    "submitted": "warn",
    "approved": "info",
    "refused": "bad",
    "scheduled": "info",
    "published": "ok",
    "failed": "bad",
    "cancelled": "plain",
}
# What a button asks for, and which permission it takes.
_STEPS: Final = {
    "submit": PUBLISH,
    "approve": APPROVE,
    "refuse": APPROVE,
    "publish": PUBLISH,
    "take_in": PUBLISH,
    "leave_out": PUBLISH,
    "keep_ours": PUBLISH,
    "cancel": PUBLISH,
}


class TimesForm(forms.Form):
    """When a release is published and taken back, on the site's wall clock."""

    def __init__(self, *args: Any, zone: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["starts_at"] = SiteDateTimeField(
            zone=zone,
            label=f"Publish it at ({zone})",
            help_text="Empty: somebody publishes it by hand.",
        )
        self.fields["ends_at"] = SiteDateTimeField(
            zone=zone, label=f"Take it back at ({zone})", help_text="Empty: never."
        )


def release_list(request: HttpRequest) -> HttpResponse:
    """/admin/releases/: what waits for whom, then what is over."""
    require(request, VIEW_PUBLICATIONS)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    rows, zone = release_reads.releases_of(site.id), zone_of(site.id)
    context = {
        **admin.site.each_context(request),
        "title": "Releases",
        "site": site,
        "sites": all_sites,
        "zone": zone,
        "rows": [(row, LEVELS[row.state], _when(row, zone)) for row in rows],
        "may_publish": request.user.has_perm(PUBLISH),
    }
    return TemplateResponse(request, "admin/studio/releases.html", context)


def release(request: HttpRequest, release_id: UUID) -> HttpResponse:
    """/admin/releases/<id>/: what is in it, what stands against it, and what can be done."""
    require(request, VIEW_PUBLICATIONS)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    found = release_reads.release_of(site.id, release_id)
    if found is None:
        raise Http404
    zone = zone_of(site.id)
    times = TimesForm(
        request.POST if request.POST.get("step") == "submit" else None,
        zone=zone,
        initial={"starts_at": found.starts_at, "ends_at": found.ends_at},
    )
    refused: list[str] = []
    if request.method == "POST":
        answer = _posted(request, site, release_id, times)
        if isinstance(answer, HttpResponse):
            return answer
        refused = answer
        found = release_reads.release_of(site.id, release_id) or found
    context = {
        **admin.site.each_context(request),
        "title": str(found),
        "site": site,
        "sites": all_sites,
        "zone": zone,
        "release": found,
        "contents": release_reads.contents_of(found),
        "level": LEVELS[found.state],
        "when": _when(found, zone),
        "times": times,
        "refused": refused,
        "reason": request.POST.get("reason", ""),
        "effect_url": f"{reverse('admin:effect')}?release={found.pk}",
        **_contents(found, zone),
        **_doors(request, found),
    }
    # Nobody approves their own work, whatever page they come from.
    is_own = request.POST.get("step") == "approve" and bool(context["own_hand"])
    return TemplateResponse(
        request, "admin/studio/release.html", context, status=403 if is_own else 200
    )


def _posted(
    request: HttpRequest, site: SiteChoice, release_id: UUID, times: TimesForm
) -> HttpResponse | list[str]:
    """Take the step that was asked for; return why not."""
    step = request.POST.get("step", "")
    if step not in _STEPS:
        raise PermissionDenied
    require(request, _STEPS[step])
    if request.POST.get("site") != site.key:
        return ["Another site was chosen meanwhile. Look again before you click."]
    if step == "submit" and not times.is_valid():
        return [str(error) for errors in times.errors.values() for error in errors]
    try:
        said = _take(step, request, release_id, times)
    except PersonalizationError as error:
        return reasons_of(error)
    messages.success(request, said)
    return redirect("admin:release", release_id)


def _take(step: str, request: HttpRequest, release_id: UUID, times: TimesForm) -> str:
    """Take a step, and say what came of it."""
    on: dict[str, Any] = {
        "release_id": release_id,
        "actor": actor_of(request),
        "now": clock.now(),
    }
    name = (request.POST.get("kind", ""), request.POST.get("key", ""))
    reason, looked_at = request.POST.get("reason", ""), request.POST.get("contents", "")
    steps: dict[str, Callable[[], Any]] = {
        "submit": lambda: releases.submit(**on, **times.cleaned_data),
        "approve": lambda: releases.approve(**on, reason=reason, looked_at=looked_at),
        "refuse": lambda: releases.refuse(**on, reason=reason),
        "publish": lambda: releases.publish_release(**on, looked_at=looked_at),
        "take_in": lambda: releases.take_in(**on),
        "leave_out": lambda: releases.leave_out(**on, name=name),
        "keep_ours": lambda: releases.keep_ours(**on, name=name),
        "cancel": lambda: releases.cancel(**on),
    }
    made = steps[step]()
    if step == "publish":
        return f"Publication {made.number} serves now."
    return {
        "submit": f"{made.get_state_display()}.",
        "approve": f"Approved. It says now: {made.get_state_display()}.",
        "refuse": "Refused. Its author reads your reason here.",
        "take_in": "The drafts of now are in it. It wants to be sent again.",
        "leave_out": f"The {name[0]} '{name[1]}' is left out. It wants to be sent again.",
        "keep_ours": "The release has its way there. It wants to be sent again.",
        "cancel": "Cancelled. The drafts are as before.",
    }[step]


def _contents(found: Any, zone: str) -> dict[str, Any]:
    """What is in a release, field by field, and what has happened to it since."""
    items = release_reads.items_of(found)
    told = told_by_name(found.site_id, release_reads.release_beside(found, items), zone)
    segments = release_reads.segment_sides(found, items)
    is_over = found.state in {"published", "cancelled"}
    clashes = set() if is_over else set(release_reads.clashes_of(found, items))
    moved = set() if is_over else set(release_reads.moved_on(found))
    changes = []
    for item in items:
        name = (item.kind, item.key)
        change = told.get(name)
        sides = segments.get(item.key) if item.kind == SEGMENT_DRAFT else None
        verb = "changed" if item.base and item.digest else "added" if item.digest else "removed"
        changes.append(
            (
                Shown(
                    kind=item.kind,
                    key=item.key,
                    verb=verb,
                    words=WORDS.get(item.kind, item.kind),
                    name=item.key if change is None else change.name,
                    details=[segment_detail(sides["serving"], sides["draft"])]
                    if sides
                    else ([] if change is None else change.details),
                    value=value_of(item.kind, item.key, item.digest),
                    url=page_of(item.kind, item.object_id, item.key),
                ),
                name in clashes,
                name in moved,
            )
        )
    return {
        "changes": changes,
        "also_in": [] if is_over else release_reads.also_in(found, items),
        "has_conflict": bool(clashes),
        "has_moved": bool(moved),
        "votes": release_reads.votes_on(found),
    }


def _doors(request: HttpRequest, found: Any) -> dict[str, Any]:
    """Which buttons there are, and why one is not."""
    may_publish = request.user.has_perm(PUBLISH)
    may_approve = request.user.has_perm(APPROVE)
    is_editable = found.state in {"open", "refused", "failed"}
    wants = needs_approval(found.site_id)
    own_hand = release_reads.own_hand(found, int(request.user.pk or 0)) if may_approve else ""
    ready = release_reads.is_approved(found) if wants else found.state != "refused"
    return {
        "needs_approval": wants,
        "may_publish": may_publish,
        "may_submit": may_publish and is_editable,
        "may_vote": may_approve and found.state == "submitted",
        "own_hand": own_hand if found.state == "submitted" else "",
        "may_publish_now": may_publish
        and ready
        and found.state in {"open", "approved", "scheduled", "failed"},
        "may_change": may_publish and found.state not in {"published", "cancelled"},
        "may_refuse_later": wants and may_approve and found.state in {"approved", "scheduled"},
    }


def _when(found: Any, zone: str) -> str:
    """When a release starts and ends, in a sentence."""

    def said(at: datetime) -> str:
        return f"{wall_clock(at, zone)} ({zone})"

    words = []
    if found.starts_at is not None and found.state not in {"published", "cancelled"}:
        words.append(f"published within 15 seconds of {said(found.starts_at)}")
    if found.published_number is not None:
        words.append(f"publication {found.published_number}")
    if found.ended_number is not None:
        words.append(f"taken back by publication {found.ended_number}")
    elif found.ends_at is not None:
        words.append(f"taken back at {said(found.ends_at)}")
    text = ", ".join(words)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
