"""The door for decisions about a recommender: what is tried, trained, and which version serves."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from apps.access import looks
from apps.access.site_staff import works_on
from apps.profiles.selectors import find_profile
from apps.recommendations import services
from apps.recommendations.errors import VersionNotServable
from apps.recommendations.models import Recommender, RecommenderVersion
from apps.work import clock

CHANGE = "recommendations.change_recommender"
VIEW = "recommendations.view_recommender"
PAGE = "recommender"


def decide(request: HttpRequest, recommender_id: UUID) -> HttpResponse:
    """POST `step` (and `version`): carry it out, say so, and show the recommender's page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    recommender = get_object_or_404(Recommender, pk=recommender_id)
    if not request.user.has_perm(CHANGE) or not works_on(request.user, recommender.site_id):
        raise PermissionDenied
    try:
        messages.success(request, _carried_out(request, recommender))
    except VersionNotServable as refusal:
        messages.error(request, str(refusal))
    return redirect("admin:recommendations_recommender_change", recommender.pk)


def look(request: HttpRequest, recommender_id: UUID) -> HttpResponse:
    """POST `kind`, `value` and `reason`: try a recommender for a person, with word left of it."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    recommender = get_object_or_404(Recommender, pk=recommender_id)
    may = request.user.has_perm(VIEW) and looks.may_look(request)
    if not may or not works_on(request.user, recommender.site_id):
        raise PermissionDenied
    page = reverse("admin:recommendations_recommender_change", args=[recommender.pk])
    kind, value = request.POST.get("kind", ""), request.POST.get("value", "").replace("\x00", "")
    profile_id = find_profile(recommender.site_id, kind, value.strip())
    if profile_id is None:
        messages.error(request, "Nobody is known by that.")
        return redirect(page)
    refused = looks.begin(
        request,
        site_id=recommender.site_id,
        profile_id=profile_id,
        reason=request.POST.get("reason", ""),
        page=PAGE,
    )
    if refused:
        messages.error(request, refused)
        return redirect(page)
    return redirect(f"{page}?person={profile_id}#try")


def _carried_out(request: HttpRequest, recommender: Recommender) -> str:
    """Do what was asked for; return the sentence that says so.

    Raises:
        VersionNotServable: it may not be.
    """
    now, step = clock.now(), request.POST.get("step", "")
    if step in ("train", "choose"):
        services.ask_training(recommender=recommender, now=now, chooses=step == "choose")
        return "It was asked for. This page follows it."
    if step == "release":
        services.release(recommender=recommender, actor=request.user, now=now)
        return "New trainings serve by themselves again."
    if step == "serve":
        wanted = _id(request.POST.get("version", ""))
        version = get_object_or_404(RecommenderVersion, pk=wanted, recommender=recommender)
        services.roll_back(version=version, actor=request.user, now=now)
        return "It serves now. What is trained from now on waits for a yes."
    raise PermissionDenied


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
