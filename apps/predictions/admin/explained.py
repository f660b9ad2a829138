"""/admin/predictions/modelspec/<id>/why/: why one person's score is what it is.

A look at a real person: the role, a reason, and a line in the audit trail each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from apps.access import looks
from apps.access.site_staff import works_on
from apps.predictions import services
from apps.predictions.domain.card import hours_in_words
from apps.predictions.errors import ArtifactBroken
from apps.predictions.explaining import Reason, counterfactual, reasons
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.predictions.serving import Serving
from apps.profiles.selectors import find_profile
from apps.profiles.state import SCORE_PREFIX
from apps.work import clock

NEEDED: Final = "profiles.view_profile"
PAGE: Final = "model score"
_IS_HERE: Final = "SELECT 1 FROM profiles_profilestate WHERE site_id = %s AND profile_id = %s"


@dataclass(frozen=True, slots=True)
class Told:
    """One output for one person: what is foreseen, why, and the least that would change it."""

    name: str
    probability: float
    reasons: list[Reason]
    change: str
    written: float | None


def why(request: HttpRequest, spec_id: UUID) -> HttpResponse:
    """Ask who and why; then say what pushes the score up and down."""
    spec = get_object_or_404(ModelSpec.objects.select_related("site"), pk=spec_id)
    may = request.user.has_perm(NEEDED) and looks.may_look(request)
    if not may or not works_on(request.user, spec.site_id):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Why this score",
        "spec": spec,
        "within": hours_in_words(spec.horizon_hours),
        "trait": f"{SCORE_PREFIX}{spec.key}",
        "least_reason": looks.LEAST_REASON,
        "most_reason": looks.MOST_REASON,
        "champion": services.champion_of(spec.pk),
        "may_see_model": request.user.has_perm("predictions.view_modelspec"),
    }
    if request.method == "POST":
        context |= _looked(request, spec, context["champion"])
    return TemplateResponse(request, "admin/predictions/why.html", context)


def _looked(request: HttpRequest, spec: ModelSpec, champion: ModelVersion | None) -> dict[str, Any]:
    """Open the look, and explain; a refusal says what is missing."""
    who = request.POST.get("who", "").strip()
    context: dict[str, Any] = {"who": who, "reason": request.POST.get("reason", "")}
    profile_id = _profile(spec.site_id, who)
    if profile_id is None:
        return context | {"refused": "Nobody of this site has that id."}
    if champion is None:
        return context | {"refused": "Nothing serves yet, so nobody has a score."}
    refused = looks.begin(
        request, site_id=spec.site_id, profile_id=profile_id, reason=context["reason"], page=PAGE
    )
    if refused:
        return context | {"refused": refused}
    try:
        told = _told(spec, champion, profile_id)
    except ArtifactBroken as broken:
        return context | {"refused": str(broken)}
    if not told:
        words = "They were not here lately, or do not allow what the model is for: no score."
        return context | {"refused": words}
    return context | {"told": told}


def _profile(site_id: UUID, who: str) -> UUID | None:
    """The profile of an id or a user id, of this site alone."""
    try:
        found: UUID | None = UUID(who.removeprefix("prf_"))
    except ValueError:
        found = find_profile(site_id, "user_id", who) if who else None
    if found is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_IS_HERE, [str(site_id), str(found)])
        return found if cursor.fetchone() is not None else None


def _told(spec: ModelSpec, champion: ModelVersion, profile_id: UUID) -> list[Told]:
    # numpy comes with it: a page that few open, and not at all in a decision.
    from apps.predictions import features

    known, x = features.rows_of(spec, champion.feature_names, [profile_id], as_of=clock.now())
    if not known:
        return []
    row = [None if value != value else float(value) for value in x[0]]
    serving = Serving.of(champion)
    written = dict(
        Score.objects.filter(profile_id=profile_id, spec=spec).values_list("output", "value")
    )
    return [
        Told(
            name=output,
            probability=probability,
            reasons=_reasons(champion, serving, row, output),
            change=_change(spec, champion, serving, row, output),
            written=written.get(output),
        )
        for output, probability in serving.probabilities(row).items()
    ]


def _reasons(
    champion: ModelVersion, serving: Serving, row: list[float | None], output: str
) -> list[Reason]:
    pushes = serving.contributions(row, output)
    return [] if pushes is None else reasons(champion.feature_names, row, pushes)


def _change(
    spec: ModelSpec,
    champion: ModelVersion,
    serving: Serving,
    row: list[float | None],
    output: str,
) -> str:
    """Return the least change that would carry the score over the threshold, in words."""
    observed: Mapping[str, Any] = champion.reference.get("deciles", {})
    if not observed:
        return ""
    found = counterfactual(
        lambda changed: serving.probabilities(changed)[output],
        row,
        champion.feature_names,
        observed,
        threshold=spec.threshold,
    )
    return "" if found is None else found.words
