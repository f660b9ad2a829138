"""Where an experiment is: the first step of a new one, and the rows that are proposed for it."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.access.site_staff import narrowed
from apps.experiments.models import Experiment, Metric

LISTED: Final = 60


def placements(request: HttpRequest) -> QuerySet[Any]:
    """Return the placements of the sites that somebody works on."""
    model: Any = Experiment._meta.get_field("placement").related_model
    return narrowed(request.user, model._default_manager.filter(archived_at=None))


def own_experiments(request: HttpRequest) -> QuerySet[Experiment]:
    """Return the experiments of the sites that somebody works on."""
    return narrowed(request.user, Experiment.objects.all())


def placement_of(request: HttpRequest, asked: object) -> Any:
    """Return a placement by its id, None where there is no such. One query."""
    if not asked:
        return None
    try:
        return placements(request).filter(pk=str(asked)).select_related("block", "site").first()
    except ValidationError:
        return None


def choose(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the placements that fit a text, with what fills each and what runs there."""
    query = request.GET.get("q", "").strip()[:100]
    going = Q(experiments__state__in=[Experiment.State.RUNNING, Experiment.State.PAUSED])
    rows = placements(request).select_related("block", "site")
    site = context.get("chosen_site")
    if site is not None:
        rows = rows.filter(site_id=site.id)
    for word in query.split()[:5]:
        rows = rows.filter(Q(key__icontains=word) | Q(name__icontains=word))
    live = Q(block__variants__archived_at=None)
    rows = rows.annotate(
        variants=Count("block__variants", filter=live, distinct=True),
        going=Count("experiments", filter=going, distinct=True),
    )
    found = list(rows.order_by("site__name", "key")[: LISTED + 1])
    shown = {
        **context,
        "title": "Where is it?",
        "opts": Experiment._meta,
        "query": query,
        "placements": found[:LISTED],
        "has_more": len(found) > LISTED,
    }
    return TemplateResponse(request, "admin/experiments/where.html", shown)


def first_rows(experiment: Any, prefix: str) -> list[dict[str, Any]]:
    """Return the rows that a new form begins with: the default against the next variant."""
    if experiment.placement_id is None:
        return []
    if prefix.startswith("goals"):
        return _first_goal(experiment)
    block: Any = experiment.placement.block
    if block is None:
        return []
    rows = block.variants.filter(archived_at=None).order_by("-is_default", "-priority", "name")
    variants = list(rows[:2])
    return [
        {
            "name": one.name,
            "key": one.key,
            "variant": one.pk,
            "weight": 1 / len(variants),
            "is_control": place == 0,
        }
        for place, one in enumerate(variants)
    ]


def _first_goal(experiment: Any) -> list[dict[str, Any]]:
    metrics = Metric.objects.filter(site_id=experiment.site_id, archived_at=None)
    only = list(metrics.order_by("name").values_list("pk", flat=True)[:2])
    return [{"metric": only[0] if len(only) == 1 else None, "role": "goal"}]
