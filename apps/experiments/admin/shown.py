"""What stands above an experiment's form: what runs, what lacks, and where one goes on."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from apps.access import small_cells
from apps.experiments.admin import doors
from apps.experiments.designing import check_design
from apps.experiments.errors import InvalidExperiment
from apps.experiments.models import Arm, Cause, Experiment, Phase, Result
from apps.work import clock

PUBLISH = "decisions.publish_site"
CHANGE = "experiments.change_experiment"
_State = Experiment.State


def of_experiment(request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
    """Return the context of an experiment's page. The number of queries does not grow."""
    phase = experiment.phases.order_by("-number").first()
    result = None if phase is None else Result.objects.filter(phase=phase).first()
    is_going = experiment.state in (_State.RUNNING, _State.PAUSED)
    may_steer = request.user.has_perm(CHANGE) and request.user.has_perm(PUBLISH)
    return {
        "placement": experiment.placement,
        "phase": phase,
        "arms_now": [] if phase is None else _arms(phase),
        "again": _again(experiment, phase) if is_going and phase is not None else "",
        "document": None if result is None else result.document,
        "participants": small_cells.words(result.document["participants"]) if result else "",
        "problems": _problems(experiment) if experiment.state == _State.DRAFT else [],
        "is_draft": experiment.state == _State.DRAFT,
        "is_going": is_going,
        "may_steer": may_steer,
        "may_copy": request.user.has_perm(CHANGE),
        "changes": _changes(experiment),
        "is_served": phase is None or phase.servings.exists(),
        "differs": bool(is_going and phase is not None and differs(experiment, phase)),
        "told": _told(request, experiment),
        "results": _page("admin:experiment_results", experiment),
        "begin": _page("admin:experiment_begin", experiment),
        "do": _page("admin:experiment_do", experiment),
        "look": _page("admin:experiment_look", experiment) if experiment.placement_id else "",
    }


def differs(experiment: Experiment, phase: Phase) -> list[str]:
    """Return what the design says otherwise than the phase that runs: it counts from the next."""
    found = []
    designed = [
        (one.key, one.name, _shows(one), round(one.weight, 6), one.is_control)
        for one in experiment.arms.order_by("number")
    ]
    running = [
        (
            one["key"],
            one["name"],
            one["variant"] or one.get("changes") or {},
            round(one["weight"], 6),
            one["is_control"],
        )
        for one in phase.arms
    ]
    if experiment.kind == Experiment.Kind.BANDIT:  # whose shares move by themselves
        designed = [(*one[:3], 0.0, one[4]) for one in designed]
        running = [(*one[:3], 0.0, one[4]) for one in running]
    if designed != running:
        found.append("arms")
    if experiment.condition != phase.condition:
        found.append("who is meant")
    if (experiment.layer.key if experiment.layer else "") != phase.layer_key:
        found.append("the layer")
    if list(experiment.segments) != list(phase.segments):
        found.append("what is told apart")
    if abs(experiment.coverage - phase.coverage) > 1e-9:
        found.append("how many take part")
    return found


def _shows(arm: Arm) -> Any:
    """What an arm shows or changes, as a phase freezes it."""
    return str(arm.variant_id) if arm.variant_id else arm.changes or {}


_SAID = {
    "started": "Began",
    "new_phase": "Began anew",
    "paused": "Paused",
    "resumed": "Went on",
    "ramped": "More let in",
    "arm_stopped": "Arm stopped",
    "arm_resumed": "Arm went on",
    "shares": "Other shares",
    "concluded": "Concluded",
}


def _changes(experiment: Experiment) -> list[dict[str, Any]]:
    rows = experiment.changes.select_related("by").order_by("-at", "-pk")[:12]
    return [
        {
            "words": _SAID.get(one.action, one.action.replace("_", " ").capitalize()),
            "arm": one.detail.get("arm", ""),
            "note": one.note,
            "by": "by itself" if one.by is None else one.by.get_username(),
            "at": one.at,
        }
        for one in rows
    ]


def _arms(phase: Phase) -> list[dict[str, Any]]:
    return [
        {
            **arm,
            "is_stopped": arm["key"] in phase.stopped,
            "pct": round(100 * arm["weight"], 2),
        }
        for arm in phase.arms
    ]


def _again(experiment: Experiment, phase: Phase) -> str:
    """Return what would stop an arm once more; empty where none was stopped by itself."""
    if not phase.stopped:
        return ""
    rows = experiment.changes.filter(phase=phase.number, action="arm_stopped")
    latest = {one.detail.get("arm"): one.detail.get("cause") for one in rows.order_by("at", "pk")}
    if not any(latest.get(arm) in Cause.values for arm in phase.stopped):
        return ""
    from apps.experiments.stopping import AGAIN  # scipy

    return AGAIN


def _problems(experiment: Experiment) -> list[str]:
    try:
        check_design(experiment)
    except InvalidExperiment as error:
        return [one["detail"] for one in error.errors]
    return []


def _told(request: HttpRequest, experiment: Experiment) -> Any:
    """The plan, where the page was asked for it: it measures, which may take a second or two."""
    if "power" not in request.GET:
        return None
    from apps.experiments.power_words import told

    question = doors.asked_of(experiment)
    return None if question is None else told(question, clock.now())


def _page(name: str, experiment: Experiment) -> str:
    try:
        return reverse(name, args=[experiment.pk])
    except NoReverseMatch:
        return ""
