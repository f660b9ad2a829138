"""Editors' pages for placements and frequency caps."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html

from apps.content.admin_script import PAGE_SCRIPT
from apps.content.admin_sites import BeginsAtSite
from apps.content.admin_words import block_state, drafted_variants
from apps.content.capping import number_cap, users_of, words
from apps.content.forms_caps import CapForm
from apps.content.forms_placing import PlacementForm
from apps.content.models import Cap, Placement


def _rules_on() -> QuerySet[Any, Any]:
    """How many rules of a placement are on. They belong to an app above, which points at ours."""
    rules: Any = Placement._meta.get_field("rules").related_model
    rows = rules._default_manager.filter(
        placement_id=OuterRef("pk"), archived_at=None, is_enabled=True
    )
    found: QuerySet[Any, Any] = (
        rows.order_by().values("placement_id").annotate(found=Count("pk")).values("found")
    )
    return found


@admin.register(Placement)
class PlacementAdmin(BeginsAtSite[Placement]):
    """Placements, and which block fills each."""

    form = PlacementForm
    list_display = ("key", "name", "site", "block", "is_enabled", "rule_count", "published")
    list_display_links = ("key", "name")
    list_filter = ("site", "is_enabled")
    list_select_related = ("site", "block")
    list_per_page = 50
    search_fields = ("key", "name", "block__name", "block__key")
    ordering = ("site", "key")
    empty_words = (
        "A placement is a named hole in a page, such as home.hero: the page asks for it by its "
        "key, and a block fills it."
    )
    add_words = "Add the first placement"

    class Media:
        css = {"all": ("admin-attune/block/block.css",)}
        js = (PAGE_SCRIPT,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Placement]:
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("block__variants", drafted_variants(), "in_use"))
            .annotate(rules_asked=Subquery(_rules_on()))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Placement | None = None) -> Any:
        return () if obj is None else ("site",)

    @admin.display(description="Rules", ordering="rules_asked")
    def rule_count(self, placement: Placement) -> int:
        return int(getattr(placement, "rules_asked", 0) or 0)

    @admin.display(description="Published")
    def published(self, placement: Placement) -> str:
        if placement.block is None:
            return format_html('<span class="badge is-warn">{}</span>', "no block fills it")
        state = block_state(getattr(placement.block, "in_use", ()))
        return format_html('<span class="badge is-{}">{}</span>', state.level, state.words)


# What draws on a cap, by the cap's own relations; rules belong to an app above.
_ON = ("variants", "blocks", "placements", "rules")


def _counted(relation: str) -> Subquery:
    """How many of a relation name a cap, asked of the table between them."""
    between: Any = getattr(Cap, relation).through
    rows = between._default_manager.filter(cap_id=OuterRef("pk")).order_by().values("cap_id")
    return Subquery(rows.annotate(found=Count("pk")).values("found"))


@admin.register(Cap)
class CapAdmin(BeginsAtSite[Cap]):
    """Frequency caps, each said in words with whatever draws on it. None is ever deleted."""

    form = CapForm
    list_display = ("name", "key", "site", "sentence", "drawn_on_by")
    list_filter = ("site", "per")
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name")
    ordering = ("site", "key")
    empty_words = (
        "A frequency cap keeps the same thing from being shown too often: at most 2 showings in 7 "
        "days, say. Blocks, variants, placements and rules draw on it."
    )
    add_words = "Add the first cap"
    fieldsets = (
        (None, {"fields": [("name", "key"), "site", "in_words"]}),
        ("How often", {"fields": [("most", "window_ms"), "per", "cooldown_ms"]}),
        ("Fatigue", {"fields": [("half_life_ms", "step"), ("floor", "skip_below")]}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cap]:
        return super().get_queryset(request).annotate(**{f"on_{one}": _counted(one) for one in _ON})

    def get_readonly_fields(self, request: HttpRequest, obj: Cap | None = None) -> Any:
        return ("in_words",) if obj is None else ("in_words", "site")

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Cap | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def save_model(self, request: HttpRequest, obj: Cap, form: Any, change: bool) -> None:
        with transaction.atomic():
            if not change:
                number_cap(obj)
            super().save_model(request, obj, form, change)

    @admin.display(description="In plain words")
    def sentence(self, cap: Cap) -> str:
        return words(cap)

    @admin.display(description="Drawn on by")
    def drawn_on_by(self, cap: Cap) -> str:
        counts = {one: getattr(cap, f"on_{one}") or 0 for one in _ON}
        told = [
            f"{count} {one if count > 1 else one.removesuffix('s')}"
            for one, count in counts.items()
            if count
        ]
        return ", ".join(told) or "nothing yet"

    @admin.display(description="In plain words")
    def in_words(self, cap: Cap) -> str:
        if cap._state.adding:
            return "said here once the cap is saved"
        users = users_of(cap)
        return words(cap, users) if users else f"{words(cap)} Nothing draws on it yet."
