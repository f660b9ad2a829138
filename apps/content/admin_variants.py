"""A block's variants on its page, each with the inputs that the block's fields ask for."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from apps.content.admin_words import State, reach_words
from apps.content.forms_refused import FIELD_PREFIX
from apps.content.forms_variants import (
    VariantForm,
    VariantFormSet,
    layout_of,
    locale_names,
    variant_form_for,
)
from apps.content.models import Block, Variant

NEW = "new"  # ?new=1 adds the inputs of one more variant, where no script does
NEW_STATE = State("info", "new")
_FIRST = {"name": "Default", "key": "default", "is_default": True, "priority": 0}


class VariantInline(admin.StackedInline[Variant, Block]):
    """The variants in use, the default first. They are archived one by one, never deleted."""

    model = Variant
    form = VariantForm
    formset = VariantFormSet  # type: ignore[assignment]  # its forms are of the class made below
    template = "admin/content/block/variants.html"
    extra = 0
    can_delete = False
    ordering = ("-is_default", "-priority", "key")
    readonly_fields = ("reach", "content_words")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return (
            super()
            .get_queryset(request)
            .filter(archived_at=None)
            .select_related("theme")
            .prefetch_related("segments__versions", "caps", "translations")
        )

    def has_change_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        """With their block they are out of use, and only looked at."""
        is_archived = obj is not None and obj.archived_at is not None
        return not is_archived and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Block | None = None) -> bool:
        """As for a change."""
        is_archived = obj is not None and obj.archived_at is not None
        return not is_archived and super().has_add_permission(request, obj)

    def get_extra(self, request: HttpRequest, obj: Block | None = None, **kwargs: Any) -> int:
        """One empty form for a block without variants, and where one is asked for by link."""
        if obj is None or request.method != "GET":
            return 0
        has_variants = obj.variants.filter(archived_at=None).exists()
        return 0 if has_variants and NEW not in request.GET else 1

    def get_formset(self, request: HttpRequest, obj: Block | None = None, **kwargs: Any) -> Any:
        kwargs["form"] = variant_form_for(obj)
        return super().get_formset(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Block | None = None) -> Any:
        top: Any = (None, {"fields": [("name", "key"), ("is_default", "priority")]})
        tags: Any = ("Who sees it", {"fields": ["segments", "theme", "reach"]})
        when: Any = (
            "When, and how often",
            {"fields": [("starts_at", "ends_at"), "caps"], "classes": ["collapse"]},
        )
        if not self.has_change_permission(request, obj):
            shown = ["content_words", "template", "value"]
            return [top, tags, ("Content", {"fields": shown}), when]
        if obj is not None and obj.kind == Block.Kind.FLAG:
            return [top, ("Value", {"fields": ["value"]}), tags, when]
        schema, locales = layout_of(obj if obj is not None else Block())
        first = obj.site.locales[0] if obj is not None and locales else ""
        names = [*(FIELD_PREFIX + field.name for field in schema), "template"]
        content = (
            f"Content in {first}" if locales else "Content",
            {"fields": names, "classes": ["in-language"]},
        )
        translations = [
            (
                f"Content in {locale}",
                {
                    "fields": locale_names(locale, schema),
                    "classes": ["in-language"],
                    "description": f"What is left empty is shown in {first}.",
                },
            )
            for locale in locales
        ]
        return [top, tags, content, *translations, when]

    @admin.display(description="Fields")
    def content_words(self, variant: Variant) -> str:
        """The fields for those who may only look: they get no inputs."""
        pairs = ((name, str(value)) for name, value in variant.fields.items())
        return format_html_join("; ", "{}: {}", pairs) or "-"

    @admin.display(description="Reach")
    def reach(self, variant: Variant) -> str:
        return "-" if variant._state.adding else reach_words(variant)


def first_variant() -> dict[str, Any]:
    """Return what the form of a block's first variant begins with."""
    return dict(_FIRST)
