"""Pages for personas: invented visitors, to preview content with and to try conditions on."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join

from apps.access.services import record_audit
from apps.segments import persona_views, personas
from apps.segments.admin_sites import BeginsAtSite
from apps.segments.admin_views import actor_of
from apps.segments.domain.personas import SAMPLES, InvalidPersona, parse_persona
from apps.segments.models import Persona
from apps.work import clock

EXAMPLE = """{"traits": {"plan": "pro"}, "events": [{"name": "Product Viewed", "ago_ms": 60000,
 "properties": {"category": "shoes"}}], "context": {"device": "mobile"},
 "consents": {"personalization": true}}"""


class PersonaForm(forms.ModelForm[Persona]):
    """A persona's name, and what they are as one document where no script draws the form."""

    document = forms.JSONField(
        label="What they did, and what is known of them",
        widget=forms.Textarea(attrs={"rows": 14, "cols": 90, "spellcheck": "false"}),
        help_text=f"JSON, every part may be left out. For example: {EXAMPLE}",
    )

    class Meta:
        model = Persona
        fields = ["site", "name", "key", "description"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["document"] = personas.document_of(self.instance)
        else:
            self.initial.setdefault("document", personas.document_of(Persona()))

    def clean_document(self) -> Any:
        """Refuse what is no persona, with the place."""
        try:
            return parse_persona(self.cleaned_data["document"]).document()
        except InvalidPersona as error:
            raise ValidationError("%(refusal)s", params={"refusal": str(error)}) from error


@admin.register(Persona)
class PersonaAdmin(BeginsAtSite[Persona]):
    """Invented visitors."""

    form = PersonaForm
    list_display = ["name", "site", "in_words", "description"]
    list_filter = ["site"]
    list_select_related = ["site"]
    search_fields = ["name", "key", "description"]
    ordering = ["site__name", "name"]
    list_per_page = 50
    fields = ["site", "name", "key", "description", "document", "is_in"]
    readonly_fields = ["is_in"]

    def get_readonly_fields(self, request: HttpRequest, obj: Persona | None = None) -> list[str]:
        """The site and the key stay what they were: links to previews name them."""
        return [*self.readonly_fields, "site", "key"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Persona | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def get_urls(self) -> list[URLPattern]:
        """With the JSON that the form asks for."""
        view = self.admin_site.admin_view
        return [
            path("editor/schema/", view(persona_views.schema), name="segments_persona_schema"),
            path("editor/live/", view(persona_views.live), name="segments_persona_live"),
            *super().get_urls(),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?sample=` begins with a ready-made visitor."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        chosen = initial.pop("sample", "")
        for sample in SAMPLES:
            if sample.key == chosen:
                initial |= {
                    "name": sample.name,
                    "key": sample.key,
                    "description": sample.description,
                    "document": parse_persona(sample.document).document(),
                }
        return initial

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the ready-made ones to begin with."""
        shown = {"samples": SAMPLES, "chosen_sample": request.GET.get("sample", "")}
        return super().add_view(request, form_url, {**(extra_context or {}), **shown})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An empty list says what personas are for, and offers the ready-made ones."""
        return super().changelist_view(request, {**(extra_context or {}), "samples": SAMPLES})

    def save_model(self, request: HttpRequest, obj: Persona, form: Any, change: bool) -> None:
        """Write the document into its columns, and a line into the audit trail."""
        now = clock.now()
        for name, value in form.cleaned_data["document"].items():
            setattr(obj, name, value)
        if not change:
            obj.created_at = now
        super().save_model(request, obj, form, change)
        record_audit(
            action="segments.persona_changed" if change else "segments.persona_created",
            actor=actor_of(request),
            site_id=obj.site_id,
            target_kind="segments.persona",
            target_id=str(obj.pk),
            detail={"key": obj.key},
            now=now,
        )

    @admin.display(description="What they are")
    def in_words(self, persona: Persona) -> str:
        """How much they did, and where they come from."""
        try:
            return persona_views.in_words(personas.invented(persona))
        except InvalidPersona as error:
            return f"refused: {error}"

    @admin.display(description="Would be in now")
    def is_in(self, persona: Persona) -> str:
        """The published segments that they would be in if they were here now."""
        if persona._state.adding:
            return "Shown once it is saved."
        found = personas.segments_of(persona.site_id, persona.pk, clock.now(), drafts=False)
        named = ((one.name, one.words) for one in found if one.is_in)
        return format_html_join("", "<div><strong>{}</strong>: {}</div>", named) or (
            "No published segment."
        )
