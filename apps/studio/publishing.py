"""Publishing what was changed, at once or as a release, and bringing a publication back."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.access.approvals import approval_changes
from apps.access.selectors import needs_approval, zone_of
from apps.decisions import drafts_back, parts, release_reads, releases
from apps.decisions import services as decisions
from apps.decisions.errors import ApprovalRequired, DraftsMoved, UnknownPublication
from apps.decisions.parts import Waiting
from apps.decisions.selectors import long_work
from apps.rules.selectors import contradictions
from apps.segments.awaiting import awaiting_segments
from apps.studio import selectors, sites
from apps.studio.domain.charts import share_pct
from apps.studio.domain.segment_words import segment_detail
from apps.studio.drafts import (
    DETAILED,
    WORDS,
    Drafts,
    Shown,
    drafts_of,
    page_of,
    read_values,
    shown,
    told_by_name,
    value_of,
)
from apps.studio.home import PUBLISH, VIEW_PUBLICATIONS
from apps.studio.types import SiteChoice
from apps.work import clock
from engine.errors import PersonalizationError

LISTED: Final = 50
MAX_NOTE: Final = 200
CHANGE_DRAFTS: Final = (
    "content.change_block",
    "content.change_placement",
    "content.change_cap",
    "rules.change_rule",
)
AT_ONCE: Final = 1_000  # changes that are published while somebody waits
REFRESH_S: Final = 3
MOST_RULES_ASKED: Final = 500  # whether rules contradict each other is asked of no more


def publish(request: HttpRequest) -> HttpResponse:
    """/admin/publish/: what would change; a POST publishes what is ticked, or makes a release."""
    require(request, PUBLISH)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    drafts = drafts_of(site.id)
    is_approved_by_others = needs_approval(site.id)
    refused: list[str] = []
    note = request.POST.get("note", "").strip()[:MAX_NOTE]
    if request.method == "POST":
        answer = _posted(request, site, drafts, note)
        if isinstance(answer, HttpResponse):
            return answer
        refused = answer
        drafts = drafts_of(site.id)
    detailed, rest = drafts.changes[:DETAILED], drafts.changes[DETAILED:]
    listed = selectors.publications(site.id, 1)
    rows = shown(site.id, detailed, zone_of(site.id), _user_id(request))
    context = {
        **admin.site.each_context(request),
        "title": "Publish",
        "site": site,
        "sites": all_sites,
        "serving": listed[0] if listed else None,
        "drafts": drafts,
        **_under_way(site, drafts),
        "changes": rows + (_segments(site) if is_approved_by_others else []),
        "others_at_it": [row for row in rows if row.typing],
        "rest": len(rest),
        "rest_token": parts.token_of(rest),
        "contradictions": _contradictions(site, drafts.changes),
        "needs_approval": is_approved_by_others,
        "open_releases": [
            one for one in release_reads.releases_of(site.id, 20) if _is_open(one.state)
        ],
        "refused": refused,
        "note": note,
        "name": request.POST.get("name", ""),
        "max_note": MAX_NOTE,
        "effect_url": f"{reverse('admin:effect')}?site={site.key}",
    }
    return TemplateResponse(request, "admin/studio/publish.html", context)


def _under_way(site: SiteChoice, drafts: Drafts) -> dict[str, Any]:
    """How far a worker is with so many changes that no page waits for them. A query at most."""
    is_long = drafts.is_behind or len(drafts.changes) > AT_ONCE
    work = long_work(site.id) if is_long else None
    if work is None and not drafts.is_behind:
        return {"waits": False}
    found: dict[str, Any] = {"waits": True, "refresh_s": REFRESH_S, "work": work, "pct": None}
    if work is not None and work.total_steps:
        found["pct"] = share_pct(work.done_steps, work.total_steps)
    return found


def publications(request: HttpRequest) -> HttpResponse:
    """/admin/publications/: what served when; a POST brings one back."""
    require(request, VIEW_PUBLICATIONS)
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        require(request, PUBLISH)
        _bring_back(request, site)
        return redirect("admin:publications")
    before = request.GET.get("before", "")
    last = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    listed = selectors.publications(site.id, LISTED + 1, before=last)
    newest = selectors.publications(site.id, 1)
    context = {
        **admin.site.each_context(request),
        "title": "Publications",
        "site": site,
        "sites": all_sites,
        "publications": listed[:LISTED],
        "serving": newest[0] if newest else None,
        "may_publish": request.user.has_perm(PUBLISH),
        "older": listed[LISTED - 1].number if len(listed) > LISTED else None,
        "approval_changes": [] if last else approval_changes(site.id),
    }
    return TemplateResponse(request, "admin/studio/publications.html", context)


def publication(request: HttpRequest, number: int) -> HttpResponse:
    """/admin/publications/<n>/: what one of them changed, against the one before or `?with=`."""
    require(request, VIEW_PUBLICATIONS)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    found = release_reads.publication_of(site.id, number)
    if found is None:
        raise Http404
    other = request.GET.get("with", "")
    against = int(other) if other.isascii() and other.isdigit() and len(other) < 10 else number - 1
    older, newer = sorted((against, number))
    if request.method == "POST":
        return _drafts_back(request, site, number)
    trouble, changes, rest, differing = "", [], 0, []
    try:
        differing = drafts_back.differing(site.id, number, DETAILED)
        sides = release_reads.publications_beside(site.id, older, newer, DETAILED)
        told = told_by_name(site.id, sides, zone_of(site.id))
        changes, rest = list(told.values()), sides.rest
    except UnknownPublication as error:
        trouble = str(error)
    except PersonalizationError as error:
        trouble = f"One of the two was stored by another version of this program. {error}."
    newest = selectors.publications(site.id, 1)
    context = {
        **admin.site.each_context(request),
        "title": f"Publication {number}",
        "site": site,
        "sites": all_sites,
        "publication": found,
        "zone": zone_of(site.id),
        "is_serving": bool(newest) and newest[0].number == number,
        "older": older,
        "newer": newer,
        "choices": selectors.publications(site.id, LISTED),
        "changes": changes,
        "rest": rest,
        "differing": [(f"{kind}:{key}:", key, WORDS[kind]) for kind, key in differing],
        "trouble": trouble,
        "may_publish": request.user.has_perm(PUBLISH),
        "may_change": request.user.has_perms(CHANGE_DRAFTS),
    }
    return TemplateResponse(request, "admin/studio/publication.html", context)


def _drafts_back(request: HttpRequest, site: SiteChoice, number: int) -> HttpResponse:
    """Make what is ticked say in the drafts what the publication says."""
    for permission in CHANGE_DRAFTS:
        require(request, permission)
    names = list(read_values(request.POST.getlist("change")))[:DETAILED]
    try:
        done, unknown = drafts_back.drafts_as_of(
            site_id=site.id, number=number, names=names, actor=actor_of(request), now=clock.now()
        )
    except PersonalizationError as error:
        messages.error(request, str(error))
        return redirect("admin:publication", number)
    if done:
        said = ", ".join(key for _, key in done)
        messages.success(request, f"The drafts say again what publication {number} says: {said}.")
    if unknown:
        said = ", ".join(key for _, key in unknown)
        messages.warning(request, f"No save is known that says what was published then: {said}.")
    return redirect("admin:publication", number)


def require(request: HttpRequest, permission: str) -> None:
    """Refuse a role that lacks a permission.

    Raises:
        PermissionDenied: it does.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied


def actor_of(request: HttpRequest) -> Any:
    """The admin lets nobody anonymous in, which the type of a request cannot know."""
    return request.user


def _posted(
    request: HttpRequest, site: SiteChoice, drafts: Drafts, note: str
) -> HttpResponse | list[str]:
    """Publish what is ticked, or make a release of it; return why not."""
    if request.POST.get("site") != site.key:
        return ["Another site was chosen meanwhile. Look again before you click."]
    only = read_values(request.POST.getlist("change"))
    try:
        if request.POST.get("rest"):
            only |= _rest(request.POST["rest"], drafts.changes[DETAILED:])
        if not only:
            return ["Tick at least one change."]
        if len(only) > AT_ONCE:
            return _many(request, site, drafts, len(only), note)
        if "release" in request.POST:
            made = releases.create_release(
                site_id=site.id,
                name=request.POST.get("name", ""),
                note=note,
                only=only,
                actor=actor_of(request),
                now=clock.now(),
            )
            messages.success(request, f"{made}: these changes are frozen in it.")
            return redirect("admin:release", made.pk)
        published = decisions.publish(
            site_id=site.id, actor=actor_of(request), note=note, now=clock.now(), only=only
        )
    except PersonalizationError as error:
        return reasons_of(error)
    messages.success(request, f"Publication {published.number} serves now.")
    return redirect("admin:index")


def _many(
    request: HttpRequest, site: SiteChoice, drafts: Drafts, ticked: int, note: str
) -> HttpResponse | list[str]:
    """Have a worker publish very many changes; return why not."""
    if "release" in request.POST or ticked < len(drafts.changes):
        return [f"More than {AT_ONCE:,} changes can only be published all at once, and not later."]
    if needs_approval(site.id):
        raise ApprovalRequired
    decisions.ask_to_publish(
        site.id,
        token=parts.token_of(drafts.changes),
        actor_id=_user_id(request),
        note=note,
        now=clock.now(),
    )
    messages.success(
        request,
        f"{ticked:,} changes are being published. It takes a minute or two; this page says when "
        "they serve.",
    )
    return redirect("admin:index")


def reasons_of(error: PersonalizationError) -> list[str]:
    """Return a refusal in sentences."""
    found: list[dict[str, str]] = getattr(error, "errors", [])
    return [reason["detail"] for reason in found] or [str(error)]


def _rest(token: str, rows: list[Waiting]) -> dict[tuple[str, str], str]:
    if token != parts.token_of(rows):
        raise DraftsMoved
    return {(row.kind, row.key): row.digest for row in rows}


def _segments(site: SiteChoice) -> list[Shown]:
    """The segments whose draft waits: where others approve, a release publishes them too."""
    found = []
    for one in awaiting_segments(site.id):
        found.append(
            Shown(
                kind=release_reads.SEGMENT_DRAFT,
                key=one.key,
                verb="changed" if one.serving else "added",
                words="segment",
                name=str(one.document["name"]),
                details=[segment_detail(one.serving, one.document)],
                value=value_of(release_reads.SEGMENT_DRAFT, one.key, one.digest),
                url=page_of(release_reads.SEGMENT_DRAFT, one.segment_id),
            )
        )
    return found


def _contradictions(site: SiteChoice, changes: list[Waiting]) -> list[str]:
    """What can be said against the rules, where a change may have to do with it."""
    concerns = {"rule", "segment", "placement"}
    if not any(row.kind in concerns for row in changes) or len(changes) > MOST_RULES_ASKED:
        return []
    return contradictions(site.id)


def _is_open(state: str) -> bool:
    return state not in {"published", "cancelled"}


def _bring_back(request: HttpRequest, site: SiteChoice) -> None:
    text = request.POST.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        messages.error(request, "Name a publication by its number.")
        return
    if request.POST.get("site") != site.key:
        messages.error(request, "Another site was chosen meanwhile. Look again before you click.")
        return
    try:
        made = decisions.rollback(
            site_id=site.id, number=int(text), actor=actor_of(request), now=clock.now()
        )
    except PersonalizationError as error:
        messages.error(request, str(error))
        return
    if made.restores == int(text):
        messages.success(
            request,
            f"Publication {made.number} serves now, with what {text} said. Drafts are as before.",
        )
    else:
        messages.info(request, f"Publication {made.number} says the same as {text} and serves.")


def _user_id(request: HttpRequest) -> int:
    return int(request.user.pk or 0)
