"""/admin/experiments/<id>/results/: what an experiment says, how far to believe it, and why."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.experiments import result_reads
from apps.experiments.result_reads import Shown
from apps.studio.domain import experiment_parts as parts
from apps.studio.domain import experiment_results as results
from apps.studio.domain.experiment_changes import change_words
from apps.studio.domain.experiment_terms import TERMS
from apps.studio.domain.experiment_withheld import withheld
from apps.studio.pages import require
from apps.work import clock

VIEW: Final = "experiments.view_experiment"
REFRESH_S: Final = 2
ASKED: Final = "asked"
STATES: Final = {"running": "is-ok", "paused": "is-warn", "concluded": "is-info"}
CHECKS: Final = {
    "split": "Shares of the arms",
    "mixed": "One arm for everybody",
    "balance": "Alike before the start",
    "missing": "Shown, and told of",
    "failed": "Pages that broke",
    "serving": "What visitors get",
    "stopped": "Stopped arms",
    "bots": "Machines",
    "unknown_arm": "Arms that nobody knows",
    "consent": "Consent",
    "late": "Metrics added later",
    "never": "Goals that nobody reaches",
    "left_out": "Events that do not count",
    "unplanned": "Planned size",
    "money": "One currency",
    "same": "What is compared",
}
LEVELS: Final = {"fine": ("ok", "Fine"), "watch": ("warn", "Watch"), "bad": ("bad", "Wrong")}
TABLE_TERMS: Final = (
    "participants", "value", "difference", "relative", "interval", "p", "chance", "reduction",
    "post_stratified",
)  # fmt: skip


def page(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """What a phase says; `?phase=2` another one than the newest. A POST asks for newer numbers."""
    require(request, VIEW)
    number = phase_asked(request)
    found = result_reads.shown(experiment_id, number)
    if found is None:
        raise Http404("There is no such experiment, or no such phase of it.")
    if request.method == "POST":
        result_reads.ask_refresh(found.design, now=clock.now())
        messages.success(request, "The numbers are being worked out anew.")
        own = reverse("admin:experiment_results", args=[experiment_id])
        return redirect(f"{own}?{ASKED}=1" + (f"&phase={number}" if number else ""))
    return TemplateResponse(
        request, "admin/studio/experiment_results.html", _context(request, found)
    )


def phase_asked(request: HttpRequest) -> int | None:
    """Return the number of a phase in the address; None for the newest."""
    number = request.GET.get("phase", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 6 else None


def _context(request: HttpRequest, found: Shown) -> dict[str, Any]:
    design, phase = found.design, found.phase
    arms = {arm["key"]: arm["name"] for arm in (phase.arms if phase else [])}
    working = result_reads.refresh_of(design)
    is_waited_for = working is not None and ASKED in request.GET
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Results of {design.name}",
        "design": design,
        "state_level": STATES.get(design.state, ""),
        "phase": phase,
        "phases": found.phases if len(found.phases) > 1 else (),
        "winner": arms.get(design.winner, design.winner),
        "worked_out_at": found.worked_out_at,
        "working": working,
        "refresh_s": REFRESH_S if is_waited_for else 0,
        "changes": [(one, change_words(one.action, one.detail, arms)) for one in found.changes],
        "terms": TERMS,
        "table_terms": [TERMS[key] for key in TABLE_TERMS],
    }
    if not found.document:
        return context
    return context | _told(found, withheld(found.document))


def _told(found: Shown, document: Mapping[str, Any]) -> dict[str, Any]:
    design = found.design
    verdict = document["verdict"]
    metrics = results.metric_views(document, found.looks)
    assert found.worked_out_at is not None
    return {
        "verdict": verdict,
        "verdict_level": results.LEVELS.get(verdict["kind"], "info"),
        "verdict_heading": results.HEADINGS.get(verdict["kind"], "What it says"),
        "is_believed": results.is_believed(document),
        "progress": results.progress(document, _plan(found, document)),
        "goals": [one for one in metrics if one.role == "goal"],
        "guardrails": [one for one in metrics if one.role == "guardrail"],
        "watched": [one for one in metrics if one.role == "watched"],
        "forests": parts.forests(document, {}),
        "factorials": parts.factorials(document),
        "bandit": parts.bandit(document, {}, found.worked_out_at),
        "health": [_check(one) for one in document.get("health", [])],
        "alpha": f"{design.alpha:g}",
        "alpha_pct": f"{100 * design.alpha:g}",
        "has_looks": any(one.panels for one in metrics),
    }


def _plan(found: Shown, document: Mapping[str, Any]) -> results.Plan:
    design = found.design
    return results.Plan(
        document.get("planned"),
        design.min_days,
        document.get("looking") or design.looking,
        design.looks,
        len(document.get("arms", [])),
        found.phase is not None and found.phase.ended_at is not None,
    )


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    level, words = LEVELS.get(check["level"], ("plain", check["level"]))
    name = CHECKS.get(check["name"], check["name"].replace("_", " ").capitalize())
    return {**check, "title": name, "badge": level, "badge_words": words}
