"""Pages for computed traits: what is counted, in words, and which segments ask."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import URLPattern, path

from apps.segments import computed_traits, computed_views
from apps.segments.admin_sites import BeginsAtSite
from apps.segments.admin_views import actor_of
from apps.segments.models import ComputedTrait
from apps.work import clock
from engine.conditions.computed import parse_computed
from engine.errors import InvalidCondition

EXAMPLE = """{"name": "Order Completed", "aggregate": "sum", "of": "total", "window": "ever"}"""


class ComputedTraitForm(forms.ModelForm[ComputedTrait]):
    """A trait's own fields; the definition is JSON, refused with the place and the problem."""

    definition = forms.JSONField(
        widget=forms.Textarea(attrs={"rows": 8, "cols": 90, "spellcheck": "false"}),
        help_text=f"JSON, an event condition without a comparison. For example: {EXAMPLE}",
    )

    class Meta:
        model = ComputedTrait
        fields = ["site", "key", "name", "definition", "unit"]

    def clean_definition(self) -> Any:
        """Refuse what is no aggregate of events."""
        definition = self.cleaned_data["definition"]
        try:
            parse_computed(definition)
        except InvalidCondition as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error
        return definition


@admin.register(ComputedTrait)
class ComputedTraitAdmin(BeginsAtSite[ComputedTrait]):
    """Traits worked out from events. Conditions name them, so they are not deleted."""

    form = ComputedTraitForm
    list_display = ["name", "named", "site", "in_words", "unit"]
    list_filter = ["site"]
    list_select_related = ["site"]
    search_fields = ["name", "key"]
    ordering = ["site__name", "name"]
    fields = ["site", "definition", "in_words", "name", "key", "unit", "in_templates", "users"]
    readonly_fields = ["in_words", "in_templates", "users"]

    def get_fields(self, request: HttpRequest, obj: ComputedTrait | None = None) -> list[Any]:
        """Who names it, and how, is said once there is something to name."""
        later = () if obj else ("in_templates", "users")
        return [name for name in self.fields or () if isinstance(name, str) and name not in later]

    def get_readonly_fields(
        self, request: HttpRequest, obj: ComputedTrait | None = None
    ) -> list[str]:
        """The site and the key stay what they were: conditions name them."""
        return [*self.readonly_fields, *(["site", "key"] if obj else [])]

    def get_urls(self) -> list[URLPattern]:
        """With the JSON that the form asks for."""
        view = self.admin_site.admin_view
        return [
            path("editor/schema/", view(computed_views.schema), name="segments_computed_schema"),
            path("editor/live/", view(computed_views.live), name="segments_computed_live"),
            *super().get_urls(),
        ]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: ComputedTrait | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: ComputedTrait | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ComputedTrait, form: Any, change: bool) -> None:
        """Write through the service; say what a changed definition does not do by itself."""
        fields: dict[str, Any] = {
            "name": obj.name,
            "definition": obj.definition,
            "unit": obj.unit,
            "actor": actor_of(request),
            "now": clock.now(),
        }
        if not change:
            made = computed_traits.create(site_id=obj.site_id, key=obj.key, **fields)
            obj.pk, obj.created_at = made.pk, made.created_at
            obj._state.adding = False
            return
        computed_traits.change(trait_id=obj.pk, **fields)
        names = computed_traits.used_by(obj)
        if names and "definition" in form.changed_data:
            said = f"Publish again to use the new definition: {', '.join(names)}."
            self.message_user(request, said, messages.WARNING)
        if "definition" in form.changed_data:
            said = "Templates show what the new definition counts once the content is published."
            self.message_user(request, said)

    @admin.display(description="Name in conditions")
    def named(self, trait: ComputedTrait) -> str:
        """As a trait leaf names it."""
        return f"computed.{trait.key}"

    @admin.display(description="Name in templates")
    def in_templates(self, trait: ComputedTrait) -> str:
        """As templates and text fields of blocks show it."""
        return f"{{{{ traits.computed.{trait.key} }}}}" if trait.key else "-"

    @admin.display(description="In words")
    def in_words(self, trait: ComputedTrait) -> str:
        """What is counted."""
        return computed_traits.words(trait.definition) if trait.definition else "-"

    @admin.display(description="Named by")
    def users(self, trait: ComputedTrait) -> str:
        """The segments whose drafts ask for it."""
        return ", ".join(computed_traits.used_by(trait)) if trait.site_id else "-"
