"""/admin/effect/: who would newly see what. The publish page shows it as a part of itself."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.decisions import trials
from apps.studio import effects, sites
from apps.studio.candidates import NoCandidate, candidate_of, why_not
from apps.studio.domain.dry_run_words import sentence
from apps.studio.dry_run_page import ASK
from apps.studio.effects import Effect
from apps.studio.home import VIEW_CONTENT
from apps.studio.pages import require
from apps.work import clock
from engine.errors import PersonalizationError

PART = "part"


def page(request: HttpRequest) -> HttpResponse:
    """The effect of `release`, `publication`, or of all drafts; with `part=1` only its inside."""
    require(request, VIEW_CONTENT)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    asked = _asked(request)
    context: dict[str, Any] = {
        "effect": _effect(site.id, asked),
        "dry_run_url": f"{reverse('admin:dry_run')}?{urlencode(_query(asked))}",
        "asked": asked,
        "may_ask": request.user.has_perm(ASK),
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
