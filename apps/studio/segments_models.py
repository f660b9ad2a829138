"""/admin/audience/models/: which probability to act on, and who stands in without a score."""

import re
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.segments.domain.costs import DEFAULT, break_even
from apps.segments.studies import thresholds
from apps.segments.studies.boxed import FEWEST
from apps.studio.segments_pages import ADD, counted, opened, require, said
from apps.work import clock

MAX_AGE: Final = "7d"


def models_page(request: HttpRequest) -> HttpResponse:
    """Whom each threshold flags; a POST of `threshold` makes a draft, of `fallback` a fallback."""
    page = opened(request, "audience_models", "Model thresholds")
    if page is None:
        return redirect("admin:index")
    site_id = page.site.id
    asked = request.POST if request.method == "POST" else request.GET
    context: dict[str, Any] = {
        **page.context,
        "max_age": asked.get("max_age", MAX_AGE).strip()[:12],
        "cost": asked.get("cost", ""),
        "gain": asked.get("gain", ""),
        "least": DEFAULT,
        "without": thresholds.without_fallback(site_id),
    }
    with counted(request, context):
        if request.method == "POST":
            require(request, ADD)
            return redirect(_made(request, site_id, context["max_age"]))
        context |= _shown(site_id, asked.get("model", ""), context)
    return TemplateResponse(request, "admin/studio/segments_models.html", context)


def _shown(site_id: UUID, wanted: str, given: dict[str, Any]) -> dict[str, Any]:
    names = thresholds.model_names(site_id)
    if not names:
        return {}
    name = wanted if wanted in names else names[0]
    cost, gain = _float(given["cost"]), _float(given["gain"])
    proposed = None if cost is None or gain is None else break_even(cost, gain)
    at = sorted({*thresholds.THRESHOLDS, *([round(proposed, 4)] if proposed else [])})
    found = thresholds.flagged(
        site_id, name, thresholds=at, max_age=given["max_age"], now=clock.now()
    )
    chosen = round(proposed, 4) if proposed else DEFAULT
    return {
        "names": names,
        "model": name,
        "proposed": proposed,
        "never": cost is not None and gain is not None and proposed is None,
        "chosen": f"{chosen:g}",
        "scored": said(found.scored),
        "missing": said(found.missing),
        "steps": [
            {
                "threshold": f"{one.threshold:g}",
                "people": said(one.people),
                "pct": round(100 * one.share, 1) if one.people >= FEWEST else 0.0,
                "is_chosen": one.threshold == chosen,
            }
            for one in found.steps
        ],
    }


def _made(request: HttpRequest, site_id: UUID, max_age: str) -> str:
    asked, now = request.POST, clock.now()
    user: Any = request.user
    if asked.get("fallback"):
        made = [thresholds.add_fallback(site_id, asked["fallback"], actor=user, now=now)]
    else:
        threshold = _float(asked.get("threshold", ""))
        name = asked.get("model", "")[:100]
        threshold = DEFAULT if threshold is None else threshold
        key = re.sub(r"[^a-z0-9]+", "-", f"{name}-{threshold:g}".lower()).strip("-")
        made = thresholds.draft(
            site_id,
            key=key[:60],
            label=f"{name}: {threshold:g} or more",
            name=name,
            threshold=threshold,
            max_age=max_age,
            with_fallback="with_fallback" in asked,
            actor=user,
            now=now,
        )
    for segment in made:
        messages.success(request, f"{segment.name} is a new draft. Publish it to use it.")
    return "admin:segments_segment_changelist"


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None
