"""Steering an experiment that runs: each step publishes its own part, and no other."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.access.selectors import needs_approval
from apps.experiments import services as experiments
from apps.experiments.services import InvalidExperiment
from apps.studio.experiments import part, shipping
from apps.studio.experiments.begin import (
    MAX_NOTE,
    VIEW,
    may_steer,
    note_of,
    part_of,
    problems,
)
from apps.studio.experiments.part import Served
from apps.studio.experiments.reading import audience_words, compared, experiment_of
from apps.studio.pages import require
from apps.studio.publishing import actor_of, reasons_of
from apps.work import clock
from engine.errors import PersonalizationError

MAX_LEARNINGS: Final = 5_000
ASKED: Final = ("new_phase", "conclude", "ship")  # what is confirmed on a page of its own

Step = Callable[[HttpRequest, Any, Any], tuple[Served, str]]


def do(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """/admin/experiments/<id>/do/: a POST takes the step `verb`; a GET asks before the large ones.

    The step and its publication are one transaction: refused, nothing has happened.
    """
    require(request, VIEW)
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    if not may_steer(request):
        raise PermissionDenied
    experiment = experiment_of(request, experiment_id)
    if request.method != "POST":
        return _ask(request, experiment, request.GET.get("verb", ""), [])
    verb = request.POST.get("verb", "")
    step = STEPS.get(verb)
    if step is None:
        raise Http404
    try:
        with transaction.atomic():
            served, done = step(request, experiment, clock.now())
    except PersonalizationError as error:
        if verb in ASKED and experiment.state in ("running", "paused"):
            return _ask(request, experiment_of(request, experiment_id), verb, reasons_of(error))
        for reason in reasons_of(error):
            messages.error(request, reason)
        return redirect("admin:experiments_experiment_change", experiment.pk)
    messages.success(request, part.said(served, done))
    return redirect("admin:experiments_experiment_change", experiment.pk)


def _ask(request: HttpRequest, experiment: Any, verb: str, refused: list[str]) -> HttpResponse:
    """Show what a large step would do, and ask for what it needs."""
    if verb not in ASKED:
        return redirect("admin:experiments_experiment_change", experiment.pk)
    if experiment.state not in ("running", "paused"):
        messages.error(request, "It does not run: nothing of it can be concluded or begun anew.")
        return redirect("admin:experiments_experiment_change", experiment.pk)
    phase = experiment.phases.get(ended_at=None)
    arms = phase.arms
    document = _document(phase)
    asked = request.POST.get("arm") or request.GET.get("arm") or _best(document, arms)
    arm = next((one for one in arms if one["key"] == asked), None)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": TITLES[verb],
        "experiment": experiment,
        "verb": verb,
        "phase": phase,
        "arms": arms,
        "arm": arm,
        "document": document,
        "won": _winner(document),
        "ways": shipping.ways_of(experiment, arm) if verb == "ship" and arm else [],
        "compared": compared(experiment) if verb == "new_phase" else [],
        "who": audience_words(experiment.condition),
        "problems": problems(experiment) if verb == "new_phase" else [],
        "needs_approval": needs_approval(experiment.site_id),
        "refused": refused,
        "note": request.POST.get("note", ""),
        "learnings": request.POST.get("learnings", experiment.learnings),
        "max_note": MAX_NOTE,
        "max_learnings": MAX_LEARNINGS,
    }
    return TemplateResponse(request, "admin/studio/experiment_do.html", context)


TITLES: Final = {
    "new_phase": "Begin a new phase",
    "conclude": "Conclude the experiment",
    "ship": "Ship an arm",
}


def _document(phase: Any) -> Any:
    result = getattr(phase, "result", None)
    return None if result is None else result.document


def _winner(document: Any) -> str:
    """The arm that won, empty for none: a verdict also names an arm that does harm."""
    verdict = (document or {}).get("verdict") or {}
    return str(verdict.get("arm") or "") if verdict.get("kind") == "winner" else ""


def _best(document: Any, arms: Any) -> str:
    """The arm that the verdict calls the winner; the control otherwise."""
    named = _winner(document)
    keys = [one["key"] for one in arms]
    control = next((one["key"] for one in arms if one["is_control"]), "")
    return named if named in keys else control


def _pause(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    experiments.pause(
        experiment_id=experiment.pk, actor=actor_of(request), note=note_of(request), now=now
    )
    return _served(request, experiment, now, "paused"), f"“{experiment.name}” is paused."


def _resume(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    experiments.resume(
        experiment_id=experiment.pk, actor=actor_of(request), note=note_of(request), now=now
    )
    return _served(request, experiment, now, "goes on"), f"“{experiment.name}” goes on."


def _ramp(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    try:
        share = float(request.POST.get("coverage", "").replace(",", ".")) / 100
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise InvalidExperiment(
            [
                {
                    "pointer": "/coverage",
                    "code": InvalidExperiment.code,
                    "detail": "Say how many take part, in percent, up to 100.",
                }
            ]
        )
    experiments.ramp(experiment_id=experiment.pk, coverage=share, actor=actor_of(request), now=now)
    served = _served(request, experiment, now, f"takes in {share:.0%}")
    return served, f"{share:.0%} of those who are meant take part now."


def _new_phase(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    seen = request.POST.get("after", "")
    phase = experiments.begin_phase(
        experiment_id=experiment.pk,
        actor=actor_of(request),
        note=note_of(request),
        after=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 6 else None,
        now=now,
    )
    served = _served(request, experiment, now, f"begins phase {phase.number}")
    return served, f"Phase {phase.number} has begun: everybody is dealt anew."


def _stop_arm(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    arm = request.POST.get("arm", "")
    experiments.stop_arm(
        experiment_id=experiment.pk,
        arm=arm,
        actor=actor_of(request),
        note=note_of(request),
        now=now,
    )
    served = _served(request, experiment, now, f"stops '{arm}'")
    return served, f"'{arm}' shows the control now; its visitors keep their place."


def _let_go_on(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    arm = request.POST.get("arm", "")
    experiments.let_go_on(
        experiment_id=experiment.pk,
        arm=arm,
        actor=actor_of(request),
        note=note_of(request),
        now=now,
    )
    return _served(request, experiment, now, f"lets '{arm}' go on"), f"'{arm}' is shown again."


def _conclude(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    experiments.conclude(
        experiment_id=experiment.pk,
        winner=request.POST.get("arm", ""),
        learnings=request.POST.get("learnings", "").strip()[:MAX_LEARNINGS],
        actor=actor_of(request),
        now=now,
    )
    served = _served(request, experiment, now, "is concluded")
    return served, f"“{experiment.name}” is concluded, and in the archive."


def _ship(request: HttpRequest, experiment: Any, now: Any) -> tuple[Served, str]:
    if experiment.state not in ("running", "paused"):
        experiments.conclude(  # which says why not
            experiment_id=experiment.pk, winner="", learnings="", actor=actor_of(request), now=now
        )
    arm = request.POST.get("arm", "")
    served = shipping.ship(
        experiment=experiment,
        arm_key=arm,
        way=request.POST.get("way", shipping.DEFAULT),
        learnings=request.POST.get("learnings", "").strip()[:MAX_LEARNINGS],
        known_stopped=request.POST.getlist("stopped"),
        actor=actor_of(request),
        now=now,
    )
    return served, f"'{arm}' is what {experiment.placement.key} serves, and the experiment is over."


def _served(request: HttpRequest, experiment: Any, now: Any, what: str) -> Served:
    return part.serve(
        site_id=experiment.site_id,
        names=[part_of(experiment)],
        note=f"Experiment {what}: {experiment.name}"[:200],
        actor=actor_of(request),
        now=now,
    )


STEPS: Final[dict[str, Step]] = {
    "pause": _pause,
    "resume": _resume,
    "ramp": _ramp,
    "new_phase": _new_phase,
    "stop_arm": _stop_arm,
    "let_go_on": _let_go_on,
    "conclude": _conclude,
    "ship": _ship,
}
