"""The door for decisions about a model: who serves, and what a worker is asked to do."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect

from apps.access.site_staff import works_on
from apps.predictions import services
from apps.predictions.errors import GateFailed
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work import clock


def decide(request: HttpRequest, spec_id: UUID) -> HttpResponse:
    """POST `step` (and `version`, `note`): carry it out, say so, and show the model's page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    spec = get_object_or_404(ModelSpec.objects.select_related("site"), pk=spec_id)
    may_change = request.user.has_perm("predictions.change_modelspec")
    if not may_change or not works_on(request.user, spec.site_id):
        raise PermissionDenied
    try:
        messages.success(request, _carried_out(request, spec))
    except GateFailed as refusal:
        messages.error(request, str(refusal))
    return redirect("admin:predictions_modelspec_change", spec.pk)


def _carried_out(request: HttpRequest, spec: ModelSpec) -> str:
    """Do what was asked for; return the sentence that says so.

    Raises:
        GateFailed: it may not be.
    """
    asked, now = request.POST, clock.now()
    note = " ".join(asked.get("note", "").replace("\x00", "").split())[:500]
    step = asked.get("step", "")
    match step:
        case "train":
            services.ask_training(spec=spec, now=now)
            return "Training was asked for. This page follows it."
        case "score":
            services.ask_scoring(spec=spec, now=now)
            return "The scores were asked for."
        case "roll_back":
            found = services.roll_back(spec=spec, actor=request.user, note=note, now=now)
            return f"Version {found.number} serves again. The scores follow."
        case "stop":
            was = services.stop(spec=spec, actor=request.user, note=note, now=now)
            return "Nothing serves any more. The scores go." if was else "Nothing served."
    version = get_object_or_404(ModelVersion, pk=_id(asked.get("version", "")), spec=spec)
    if step == "approve":
        services.approve(version=version, actor=request.user, note=note, now=now)
        return f"Version {version.number} serves now. The scores follow."
    if step == "refuse":
        services.refuse(version=version, actor=request.user, note=note, now=now)
        return f"Version {version.number} is refused."
    if step == "shadow":
        services.start_shadow(version, now)
        return f"Version {version.number} foresees in the shadow of what serves."
    raise PermissionDenied


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
