"""/admin/experiments/worth/: does personalization pay, overall, by segment, and by person."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.experiments import worth_reads
from apps.experiments.worth_reads import ExperimentTold, Told
from apps.studio import sites
from apps.studio.domain import worth_words as words
from apps.studio.experiments.results_page import VIEW
from apps.studio.pages import require
from apps.work import clock

CHANGE: Final = "experiments.change_holdout"
MOST_COST: Final = 1e12


def page(request: HttpRequest) -> HttpResponse:
    """What holdouts and experiments say; a POST keeps what it costs, or asks for newer numbers."""
    require(request, VIEW)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        return _keep(request, site.id)
    found = worth_reads.told(site.id)
    names = _names(site.id)
    main = next((name for pk, name, _ in found.metrics if pk == found.metric_id), "")
    holdouts = [
        (one, None if one.document is None else words.holdout_view(one.document, main, names))
        for one in found.holdouts
    ]
    experiments = [
        (one, words.choice_view(one.document, names), words.person_views(one.document))
        for one in found.experiments
    ]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Does personalization pay?",
        "site": site,
        "sites": all_sites,
        "holdouts": holdouts,
        "experiments": experiments,
        "failing": [*_failing_segments(holdouts), *_failing_arms(found)],
        "metrics": found.metrics,
        "metric_id": found.metric_id,
        "cost": "" if found.cost is None else f"{found.cost:g}",
        "may_change": request.user.has_perm(CHANGE),
        "working": worth_reads.refresh_of(site.id),
    }
    return TemplateResponse(request, "admin/studio/experiments_worth.html", context)


def _names(site_id: UUID) -> dict[str, str]:
    rows = apps.get_model("segments.segment")._default_manager.filter(site_id=site_id)
    return dict(rows.values_list("key", "name"))


def _keep(request: HttpRequest, site_id: UUID) -> HttpResponse:
    now = clock.now()
    if "again" in request.POST:
        worth_reads.ask_refresh(site_id, now=now)
        messages.success(request, "The numbers are being worked out anew.")
        return redirect("admin:experiments_worth")
    require(request, CHANGE)
    text = request.POST.get("cost", "").strip().replace(",", ".")
    try:
        cost = float(text) if text else None
        metric_id = UUID(request.POST["metric"]) if request.POST.get("metric") else None
    except ValueError:
        messages.error(request, "The cost is a number, such as 1200.")
        return redirect("admin:experiments_worth")
    if cost is not None and not (math.isfinite(cost) and 0 <= cost <= MOST_COST):
        messages.error(request, "The cost is a number from 0 on.")
        return redirect("admin:experiments_worth")
    worth_reads.ask(site_id, metric_id, cost, actor=request.user, now=now)
    messages.success(request, "Kept. The numbers are being worked out anew.")
    return redirect("admin:experiments_worth")


def _failing_segments(
    holdouts: Sequence[tuple[Any, words.HoldoutView | None]],
) -> list[tuple[str, str, str]]:
    """Segments for which personalization does worse than none: (what, why, where)."""
    return [
        (f"Segment {row.name}", f"{view.main}: {row.difference} beside those held out", "")
        for _, view in holdouts
        if view is not None
        for row in view.segments
        if row.level == "bad"
    ]


def _failing_arms(found: Told) -> list[tuple[str, str, str]]:
    """Arms that do worse than the control, for sure."""
    return [
        (f"“{name}” in {one.name}", f"worse than the control in {metric}", str(one.id))
        for one in found.experiments
        for name, metric in _worse(one)
    ]


def _worse(one: ExperimentTold) -> list[tuple[str, str]]:
    document: Mapping[str, Any] = one.result or {}
    names = {arm["key"]: arm["name"] for arm in document.get("arms", [])}
    alpha = document.get("alpha", 0.05)
    return [
        (names.get(effect["arm"], effect["arm"]), metric["name"])
        for metric in document.get("metrics", [])
        if metric["role"] == "goal"
        for effect in metric["effects"]
        if effect["p_adjusted"] is not None
        and effect["p_adjusted"] <= alpha
        and effect["diff"] is not None
        and (effect["diff"] < 0) == (metric["direction"] == "up")
    ]
