"""/admin/effect/: who would newly see what. The publish page shows it as a part of itself."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.decisions import parts, trials
from apps.decisions.release_reads import SEGMENT_DRAFT
from apps.segments.studies.boxed import LIMIT_S, within
from apps.studio import effects, sites
from apps.studio.candidates import NoCandidate, candidate_of, why_not
from apps.studio.domain.dry_run_words import sentence
from apps.studio.drafts import DETAILED, read_values, value_of
from apps.studio.dry_run_page import ASK
from apps.studio.effects import Effect
from apps.studio.home import VIEW_CONTENT
from apps.studio.pages import require
from apps.studio.segments_pages import COUNT, HURRY_S
from apps.work import clock
from engine.errors import PersonalizationError

PART: Final = "part"
NOTHING_TICKED: Final = "Nothing is ticked: then nobody sees anything else."
OTHER_REST: Final = "The drafts have changed since this page was opened: look at it again."
SEGMENTS_HOLD: Final = (
    "Who comes into a segment that is published with it, and who leaves it, stands on the page of "
    "the segment: here people are where they are now."
)


def page(request: HttpRequest) -> HttpResponse:
    """The effect of `release`, `publication`, or of all drafts; with `part=1` only its inside.

    A POST of the publish page's form: of the drafts that are ticked in it.
    """
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    asked, segments = _asked(request), 0
    refused = ""
    if request.method == "POST":
        asked, segments, refused = _ticked(request, site.id)
    only = asked.get("only", ())
    is_patient = request.method == "POST" or COUNT in request.GET
    with within(LIMIT_S if is_patient else HURRY_S):
        effect = Effect(refused=refused) if refused else _effect(site.id, asked)
    context: dict[str, Any] = {
        "effect": effect,
        "count_url": "" if is_patient or not effect.is_slow else _patient(request),
        "segments_hold": SEGMENTS_HOLD if segments else "",
        "dry_run_url": f"{reverse('admin:dry_run')}?{urlencode(_query(asked))}",
        "asked": asked,
        "ticked": [value_of(*one) for one in only],
        # A list of thousands is no question that a page keeps.
        "may_ask": request.user.has_perm(ASK) and not refused and len(only) <= DETAILED,
        **_tried(site.id, asked),
    }
    if request.GET.get(PART):
        return TemplateResponse(request, "admin/studio/_effect_inside.html", context)
    context |= {
        **admin.site.each_context(request),
        "title": "Who will see what",
        "site": site,
        "sites": all_sites,
    }
    return TemplateResponse(request, "admin/studio/effect.html", context)


def _patient(request: HttpRequest) -> str:
    """The address of the page that takes its time to count."""
    query = request.GET.copy()
    query.pop(PART, None)
    query[COUNT] = "1"
    return f"{reverse('admin:effect')}?{query.urlencode()}"


def _ticked(request: HttpRequest, site_id: UUID) -> tuple[dict[str, Any], int, str]:
    """What is asked by the ticks of the publish page, how many segments are among them, and why
    it cannot be asked.
    """
    only = read_values(request.POST.getlist("change"))
    if request.POST.get("rest"):
        rows = [row for row in parts.waiting(site_id) if row.is_listed][DETAILED:]
        if parts.token_of(rows) != request.POST["rest"]:
            return {"what": "drafts"}, 0, OTHER_REST
        only |= {(row.kind, row.key): row.digest for row in rows}
    segments = [name for name in only if name[0] == SEGMENT_DRAFT]
    drafts = sorted((*name, one) for name, one in only.items() if name[0] != SEGMENT_DRAFT)
    refused = "" if only else NOTHING_TICKED
    if segments and not drafts:
        refused = SEGMENTS_HOLD
    return {"what": "drafts", "only": [list(one) for one in drafts]}, len(segments), refused


def _tried(site_id: UUID, asked: dict[str, Any]) -> dict[str, Any]:
    """What the newest dry run of the same said."""
    trial = trials.newest_of(site_id, asked)
    if trial is None or trial.found is None:
        return {"tried": None}
    return {"tried": trial, "tried_said": sentence(trial.found)}


def _effect(site_id: UUID, asked: dict[str, Any]) -> Effect:
    try:
        candidate = candidate_of(site_id, asked)
    except (NoCandidate, PersonalizationError) as error:
        return Effect(refused=f"Nothing can be said of it as it is. {why_not(error)}")
    return effects.panel(site_id, candidate.drafted.document, clock.now())


def _asked(request: HttpRequest) -> dict[str, Any]:
    number = request.GET.get("publication", "")
    if number.isascii() and number.isdigit() and len(number) < 10:
        return {"what": "publication", "number": int(number)}
    try:
        return {"what": "release", "id": str(UUID(request.GET.get("release", "")))}
    except ValueError:
        return {"what": "drafts"}


def _query(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["what"] == "release":
        return {"release": asked["id"]}
    return {"publication": asked["number"]} if "number" in asked else {"drafts": 1}
