"""What begins: the arms side by side, who takes part, how large, how long; and the yes."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.access.selectors import needs_approval
from apps.experiments import services as experiments
from apps.experiments.services import InvalidExperiment
from apps.studio.experiments import part
from apps.studio.experiments.reading import audience_words, compared, experiment_of
from apps.studio.home import PUBLISH
from apps.studio.pages import require
from apps.studio.publishing import reasons_of
from apps.work import clock
from engine.errors import PersonalizationError

VIEW = "experiments.view_experiment"
CHANGE = "experiments.change_experiment"
MAX_NOTE = 300


def begin(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """/admin/experiments/<id>/begin/: what would begin; a POST begins it and publishes its part."""
    require(request, VIEW)
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "POST"])
    experiment = experiment_of(request, experiment_id)
    refused: list[str] = []
    if request.method == "POST":
        if not may_steer(request):
            raise PermissionDenied
        answer = _begun(request, experiment)
        if isinstance(answer, HttpResponse):
            return answer
        refused = answer
        experiment = experiment_of(request, experiment_id)
    is_draft = experiment.state == "draft"
    context = {
        **admin.site.each_context(request),
        "title": f"Begin {experiment}",
        "experiment": experiment,
        "is_draft": is_draft,
        "arms": compared(experiment),
        "who": audience_words(experiment.condition),
        "goals": list(experiment.goals.select_related("metric").order_by("role", "pk")),
        "problems": problems(experiment) if is_draft else [],
        "holdouts": list(experiment.site.holdouts.filter(is_enabled=True, archived_at=None)),
        "others": _others_waiting(experiment),
        "refused": refused,
        "needs_approval": needs_approval(experiment.site_id),
        "may_steer": may_steer(request),
        "note": request.POST.get("note", ""),
        "max_note": MAX_NOTE,
    }
    return TemplateResponse(request, "admin/studio/experiment_begin.html", context)


def may_steer(request: HttpRequest) -> bool:
    """Tell whether a role may change experiments and publish: it changes what visitors see."""
    return request.user.has_perms((CHANGE, PUBLISH))


def problems(experiment: Any) -> list[str]:
    """Return what keeps a design from beginning, in sentences."""
    found = experiments.money_problems(experiment.pk, clock.now())
    try:
        experiments.check_design(experiment)
    except InvalidExperiment as error:
        found = [*error.errors, *found]
    return [one["detail"] for one in found]


def note_of(request: HttpRequest) -> str:
    """Return the note that was written, in one line."""
    return " ".join(request.POST.get("note", "").split())[:MAX_NOTE]


def part_of(experiment: Any) -> tuple[str, str]:
    """Return the name of an experiment among what is published."""
    return "experiment", experiment.key


def _begun(request: HttpRequest, experiment: Any) -> HttpResponse | list[str]:
    """Begin it and publish its part, both or neither; return why not."""
    user: Any = request.user
    now = clock.now()
    try:
        with transaction.atomic():
            experiments.start(
                experiment_id=experiment.pk, actor=user, note=note_of(request), now=now
            )
            served = part.serve(
                site_id=experiment.site_id,
                names=[part_of(experiment)],
                note=f"Experiment begins: {experiment.name}",
                actor=user,
                now=now,
            )
    except PersonalizationError as error:
        return reasons_of(error)
    messages.success(request, part.said(served, f"“{experiment.name}” has begun."))
    return redirect("admin:experiments_experiment_change", experiment.pk)


def _others_waiting(experiment: Any) -> list[tuple[str, str]]:
    """What comes along because the arms need it: a variant or a placement never published."""
    placement = experiment.placement
    if placement is None or placement.block_id is None:
        return []
    names = [("block", placement.block.key), ("placement", placement.key)]
    return [(row.verb, f"{row.kind} {row.key}") for row in _rows(experiment.site_id, names)]


def _rows(site_id: UUID, names: list[tuple[str, str]]) -> list[Any]:
    return list(part.waiting(site_id, names).values())
