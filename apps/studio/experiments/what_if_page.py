"""/admin/experiments/what-if/: what another rule would have earned, by the log of decisions."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.experiments import what_ifs
from apps.experiments.what_ifs import Question
from apps.segments.condition_field import ConditionField
from apps.studio import sites
from apps.studio.candidates import NoCandidate, serving
from apps.studio.domain import what_if_words as words
from apps.studio.domain.charts import share_pct
from apps.studio.experiments.what_if_rules import ALWAYS, CONDITION, SERVING, variants_of
from apps.studio.pages import require
from apps.studio.types import SiteChoice
from apps.work import clock
from apps.work.selectors import standing_of

VIEW: Final = "experiments.view_experiment"
DAYS: Final = (7, 14, 28, 56, 90)
USUAL_DAYS: Final = 28
REFRESH_S: Final = 2
WHAT: Final = (ALWAYS, CONDITION, "drafts", SERVING)


def page(request: HttpRequest) -> HttpResponse:
    """What can be asked of a placement, and what was asked of late. A POST asks.

    `placement` chooses one, by its key.
    """
    require(request, VIEW)
    site, all_sites = sites.choose(request)
    if site is None:
        return redirect("admin:index")
    if request.method == "POST":
        return _ask(request, site)
    placement = request.GET.get("placement", "")
    places, shown = _places(site.id, placement)
    metrics = what_ifs.metrics_of(site.id)
    context = {
        **_shared(request, site, all_sites),
        "places": places,
        "placement": placement if shown else "",
        "variants": shown[0] if shown else (),
        "default": shown[1] if shown else "",
        "metrics": metrics,
        "days": DAYS,
        "usual_days": USUAL_DAYS,
        "asked": [(one, words.line(one)) for one in what_ifs.latest(site.id)],
        "typed": request.session.pop("what_if_typed", ""),
    }
    return TemplateResponse(request, "admin/studio/what_if.html", context)


def result(request: HttpRequest, what_if_id: UUID) -> HttpResponse:
    """How far one question is, or what came of it."""
    require(request, VIEW)
    site, all_sites = sites.choose(request)
    question = None if site is None else what_ifs.find(site.id, what_if_id)
    if site is None or question is None:
        raise Http404
    context = {
        **_shared(request, site, all_sites),
        "question": question,
        "rule": words.rule(question),
        "refresh_s": REFRESH_S,
        "again": f"{reverse('admin:experiments_what_if')}?placement={question.placement}",
    }
    if question.found is not None:
        context |= {"found": question.found, "told": words.told(question)}
    elif not question.refused:
        context |= _progress(question)
    return TemplateResponse(request, "admin/studio/what_if_result.html", context)


def _shared(request: HttpRequest, site: SiteChoice, all_sites: list[SiteChoice]) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": "What would have happened",
        "site": site,
        "sites": all_sites,
    }


def _places(site_id: UUID, placement: str) -> tuple[list[str], tuple[list[str], str] | None]:
    """The placements that are served, and of the chosen one (variants, default)."""
    try:
        return sorted(serving(site_id).compiled.placements), variants_of(site_id, placement)
    except NoCandidate:
        return [], None


def _ask(request: HttpRequest, site: SiteChoice) -> HttpResponse:
    placement = request.POST.get("placement", "")
    _, shown = _places(site.id, placement)
    here = f"{reverse('admin:experiments_what_if')}?placement={placement if shown else ''}"
    metric = next(
        (one for one in what_ifs.metrics_of(site.id) if str(one.pk) == request.POST.get("metric")),
        None,
    )
    if shown is None or metric is None:
        messages.error(request, "Choose a placement that is served, and a metric.")
        return redirect(here)
    try:
        policy = _policy(request.POST, shown[0])
    except ValidationError as error:
        request.session["what_if_typed"] = request.POST.get("condition", "")[:20_000]
        messages.error(request, " ".join(error.messages))
        return redirect(here)
    text = request.POST.get("days", "")
    made = what_ifs.ask(
        site_id=site.id,
        placement=placement,
        metric_id=metric.pk,
        days=int(text) if text in {str(one) for one in DAYS} else USUAL_DAYS,
        policy=policy,
        everybody=request.POST.get("everybody") == "1",
        actor=request.user,
        now=clock.now(),
    )
    return redirect("admin:experiments_what_if_result", made.id)


def _policy(given: Mapping[str, str], variants: list[str]) -> dict[str, Any]:
    """The rule that is asked about.

    Raises:
        ValidationError: it is none.
    """
    what = given.get("what", "")
    if what not in WHAT:
        raise ValidationError("Choose a rule to ask about.")
    if what == ALWAYS:
        return {"what": what, "variant": _variant(given.get("always", ""), variants)}
    if what != CONDITION:
        return {"what": what}
    condition = ConditionField(required=True, label="condition").clean(given.get("condition", ""))
    return {
        "what": what,
        "condition": condition,
        "variant": _variant(given.get("then", ""), variants),
        "otherwise": _variant(given.get("else", ""), variants),
    }


def _variant(key: str, variants: list[str]) -> str:
    if key not in variants:
        raise ValidationError("Choose one of the variants that this placement serves.")
    return key


def _progress(question: Question) -> dict[str, Any]:
    standing = None if question.intent_id is None else standing_of(question.intent_id)
    if standing is None or standing.state == "failed":
        return {"failed": "The work on it was lost or failed. Ask again; the Work page says more."}
    pct = share_pct(standing.done_steps, standing.total_steps) if standing.total_steps else None
    return {"state": standing.state, "pct": pct, "note": standing.note}
