"""Layers: whose part is which, and what is free."""

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse

from apps.experiments.admin.base import DesignAdmin
from apps.experiments.admin.words import layer_parts
from apps.experiments.models import Experiment, Layer, Phase


@admin.register(Layer)
class LayerAdmin(DesignAdmin[Layer]):
    """Layers. Experiments of one layer have no visitor in common."""

    change_form_template = "admin/experiments/layer.html"
    list_display = ("name", "free", "key", "site")
    list_filter = ("site",)
    search_fields = ("name", "key")
    ordering = ("site__name", "name")
    fields = ("name", "key", "site")
    empty_words = (
        "Experiments of one layer have no visitor in common: each has a part of it for itself. "
        "Make one for experiments that would disturb each other."
    )
    add_words = "Add the first layer"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Layer]:
        rows: QuerySet[Layer] = super().get_queryset(request)
        here = Phase.objects.filter(
            ended_at=None, layer_key=OuterRef("key"), experiment__site=OuterRef("site")
        )
        parts = Sum(F("layer_end") - F("layer_start"))
        width = here.order_by().values("layer_key").annotate(all=parts)
        return rows.annotate(taken=Coalesce(Subquery(width.values("all")), 0.0))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With a picture of its parts, and who waits to have one."""
        layer: Layer | None = kwargs.get("obj")
        if layer is not None:
            waiting = Experiment.objects.filter(
                layer=layer, state=Experiment.State.DRAFT, archived_at=None
            )
            context |= {"parts": layer_parts(layer), "waiting": list(waiting.order_by("name")[:20])}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="Free")
    def free(self, layer: Layer) -> str:
        """How much of it nobody has."""
        return f"{max(0.0, 1 - layer.taken):.0%}"  # type: ignore[attr-defined]  # by get_queryset
