"""Editors' pages for placements, blocks and variants. They change the draft only."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join

from apps.content.capping import number_cap, users_of, words
from apps.content.domain.cleaning import removed_by_cleaning
from apps.content.forms import (
    FIELD_PREFIX,
    BlockForm,
    CapForm,
    PlacementForm,
    VariantForm,
    VariantFormSet,
    schema_lines,
    variant_form_for,
)
from apps.content.models import Block, Cap, Placement, Variant
from apps.content.services import content_digest


def draft_state(variant: Variant) -> str:
    """Return where the draft stands: never published, or its version and whether it changed."""
    if variant.version == 0:
        return "never published"
    changed = " · draft changed" if variant.digest != content_digest(variant) else ""
    return f"version {variant.version} of {variant.published_at:%d %b %Y %H:%M}{changed}"


def tag_words(variant: Variant) -> list[str]:
    """Return the variant's segments with the size of each, as last counted."""
    words = []
    for segment in variant.segments.all():
        sizes = [version.size for version in segment.versions.all() if version.state == "live"]
        size = "never published" if not sizes else _members(sizes[0])
        words.append(f"{segment.name} ({size})")
    return words


def _members(size: int | None) -> str:
    return "not counted" if size is None else f"{size:,} members"


class VariantInline(admin.StackedInline[Variant, Block]):
    """A block's variants, each with the inputs that the block's schema asks for."""

    model = Variant
    form = VariantForm
    formset = VariantFormSet  # type: ignore[assignment]  # its forms are of the class made below
    extra = 0
    ordering = ("-is_default", "-priority", "key")
    readonly_fields = ("state", "reach", "content_words")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return super().get_queryset(request).prefetch_related("segments__versions", "caps")

    def get_formset(self, request: HttpRequest, obj: Block | None = None, **kwargs: Any) -> Any:
        kwargs["form"] = variant_form_for(obj)
        return super().get_formset(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Block | None = None) -> Any:
        top: Any = (None, {"fields": [("key", "name"), ("is_default", "priority"), "state"]})
        tags = ("Who sees it, and how often", {"fields": ["segments", "reach", "caps"]})
        if not self.has_change_permission(request, obj):
            return [top, tags, ("Content", {"fields": ["content_words", "template", "value"]})]
        if obj is not None and obj.kind == Block.Kind.FLAG:
            return [top, tags, ("Value", {"fields": ["value"]})]
        names = [FIELD_PREFIX + field.name for field in variant_form_for(obj).schema]
        return [top, tags, ("Content", {"fields": [*names, "template"]})]

    @admin.display(description="Published")
    def state(self, variant: Variant) -> str:
        return draft_state(variant) if variant.block_id and variant.key else "new"

    @admin.display(description="Fields")
    def content_words(self, variant: Variant) -> str:
        """The fields for those who may only look: they get no inputs."""
        pairs = ((name, str(value)) for name, value in variant.fields.items())
        return format_html_join("; ", "{}: {}", pairs) or "-"

    @admin.display(description="Reach")
    def reach(self, variant: Variant) -> str:
        if variant._state.adding:
            return "-"
        words = tag_words(variant)
        if words:
            return format_html_join("; ", "{}", ((word,) for word in words))
        return "everyone else" if variant.is_default else "nobody by tags; rules may serve it"


@admin.register(Block)
class BlockAdmin(admin.ModelAdmin[Block]):
    """Blocks. A new one is saved before it gets variants: its kind decides their inputs."""

    form = BlockForm
    inlines = (VariantInline,)
    list_display = (
        "name",
        "key",
        "site",
        "kind_word",
        "variant_names",
        "tags",
        "fills",
        "published",
    )
    list_filter = ("site", "kind", "purpose")
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name", "variants__key", "variants__name")
    ordering = ("site", "key")
    save_on_top = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Block]:
        return (
            super()
            .get_queryset(request)
            .prefetch_related("variants__block", "variants__segments__versions", "placements")
        )

    def get_inlines(self, request: HttpRequest, obj: Block | None = None) -> Any:
        return () if obj is None else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Block | None = None) -> Any:
        return ("schema_words",) if obj is None else ("schema_words", "site", "kind")

    def get_fieldsets(self, request: HttpRequest, obj: Block | None = None) -> Any:
        fieldsets: list[Any] = [(None, {"fields": [("name", "key"), "site", "kind", "purpose"]})]
        if obj is None or obj.kind != Block.Kind.FLAG:
            may_change = self.has_change_permission(request, obj)
            name = "schema_lines" if may_change or obj is None else "schema_words"
            fieldsets.append(("Fields", {"fields": [name]}))
        if obj is None or obj.kind == Block.Kind.RECOMMENDATIONS:
            fieldsets.append(("Recommendations", {"fields": [("recommender", "item_limit")]}))
        fieldsets.append(("How often", {"fields": ["caps"]}))
        fieldsets.append(("Caches and the edge", {"fields": ["is_cacheable"]}))
        if obj is None or obj.kind == Block.Kind.FLAG:
            fieldsets.append(("Flag", {"fields": [("value_type", "is_client_visible")]}))
        return fieldsets

    def response_add(
        self, request: HttpRequest, obj: Block, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the block's own page, where its variants are added."""
        if "_addanother" not in request.POST:
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]  # as Django's own UserAdmin does
        return super().response_add(request, obj, post_url_continue)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for variant in (*formset.new_objects, *(item for item, _ in formset.changed_objects)):
            removed = list(removed_by_cleaning(variant.template))
            if removed:
                messages.warning(
                    request,
                    f"{variant.name}: visitors will not get {', '.join(removed)}; "
                    "only harmless HTML reaches a page.",
                )
        block = form.instance
        if not block.variants.filter(is_default=True).exists():
            messages.warning(
                request,
                "This block has no default variant yet: it cannot be published without one.",
            )

    @admin.display(description="Fields")
    def schema_words(self, block: Block) -> str:
        return schema_lines(block.schema).replace("\n", ", ") or "-"

    @admin.display(description="Kind", ordering="kind")
    def kind_word(self, block: Block) -> str:
        return block.kind

    @admin.display(description="Variants")
    def variant_names(self, block: Block) -> str:
        return ", ".join(
            f"{variant.name} (default)" if variant.is_default else variant.name
            for variant in sorted(block.variants.all(), key=lambda item: not item.is_default)
        )

    @admin.display(description="Tagged with")
    def tags(self, block: Block) -> str:
        words = (word for variant in block.variants.all() for word in tag_words(variant))
        return "; ".join(dict.fromkeys(words)) or "-"

    @admin.display(description="Fills")
    def fills(self, block: Block) -> str:
        return ", ".join(sorted(placement.key for placement in block.placements.all())) or "-"

    @admin.display(description="Published")
    def published(self, block: Block) -> str:
        return block_state(block.variants.all())


def block_state(variants: Iterable[Variant]) -> str:
    """Return when a block's newest version was published and how many drafts wait."""
    listed = list(variants)
    dates = [variant.published_at for variant in listed if variant.published_at is not None]
    waiting = sum(variant.digest != content_digest(variant) for variant in listed)
    if not dates:
        return "never"
    note = "" if not waiting else f" · {waiting} waiting"
    return f"{max(dates):%d %b %Y %H:%M}{note}"


@admin.register(Placement)
class PlacementAdmin(admin.ModelAdmin[Placement]):
    """Placements, and which block fills each."""

    form = PlacementForm
    list_display = ("key", "name", "site", "block", "is_enabled", "rule_count", "published")
    list_display_links = ("key", "name")
    list_filter = ("site", "is_enabled")
    list_select_related = ("site", "block")
    list_per_page = 50
    search_fields = ("key", "name", "block__name", "block__key")
    ordering = ("site", "key")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Placement]:
        return (
            super()
            .get_queryset(request)
            .prefetch_related("block__variants__block")
            .annotate(rules_asked=Count("rules", distinct=True))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Placement | None = None) -> Any:
        return () if obj is None else ("site",)

    def get_form(
        self,
        request: HttpRequest,
        obj: Placement | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[Placement]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "block" in form.base_fields:
            choices = form.base_fields["block"]
            assert isinstance(choices, forms.ModelChoiceField)
            choices.queryset = Block.objects.filter(site_id=obj.site_id).order_by("name")
        return form

    @admin.display(description="Rules", ordering="rules_asked")
    def rule_count(self, placement: Placement) -> int:
        return int(getattr(placement, "rules_asked", 0))

    @admin.display(description="Published")
    def published(self, placement: Placement) -> str:
        if placement.block is None:
            return "not published: no block fills it"
        return block_state(placement.block.variants.all())


@admin.register(Cap)
class CapAdmin(admin.ModelAdmin[Cap]):
    """Frequency caps, each said in words with whatever draws on it. None is ever deleted."""

    form = CapForm
    list_display = ("name", "key", "site", "in_words")
    list_filter = ("site", "per")
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name")
    ordering = ("site", "key")
    fieldsets = (
        (None, {"fields": [("name", "key"), "site", "in_words"]}),
        ("How often", {"fields": [("most", "window_ms"), "per", "cooldown_ms"]}),
        ("Fatigue", {"fields": [("half_life_ms", "step"), ("floor", "skip_below")]}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Cap | None = None) -> Any:
        return ("in_words",) if obj is None else ("in_words", "site")

    def has_delete_permission(self, request: HttpRequest, obj: Cap | None = None) -> bool:
        """What was shown is kept under a cap's number: take its name off instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Cap, form: Any, change: bool) -> None:
        with transaction.atomic():
            if not change:
                number_cap(obj)
            super().save_model(request, obj, form, change)

    @admin.display(description="In plain words")
    def in_words(self, cap: Cap) -> str:
        if cap._state.adding:
            return "said here once the cap is saved"
        users = users_of(cap)
        return words(cap, users) if users else f"{words(cap)} Nothing draws on it yet."
