"""Editors' pages for what blocks share: sets of fields, and themes with their messages."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join

from apps.content.admin_script import PAGE_SCRIPT
from apps.content.admin_sites import BeginsAtSite
from apps.content.checks import check_theme_messages
from apps.content.chosen import ChosenField
from apps.content.domain.fields import is_field_name
from apps.content.errors import InvalidContent
from apps.content.forms_placing import site_of
from apps.content.forms_schema import SchemaField, schema_table
from apps.content.models import BlockType, Theme

Messages = dict[str, dict[str, str]]  # {name: {locale: text}}

_SAID = "said_"  # the inputs of a theme's messages, one for each language


class BlockTypeForm(forms.ModelForm[BlockType]):
    """A set of fields, declared one a line."""

    schema_lines = SchemaField()

    class Meta:
        model = BlockType
        fields = ("site", "key", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["schema_lines"] = self.instance.schema

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        declared = self.cleaned_data.get("schema_lines")
        if declared is not None:
            self.instance.schema = declared
        return cleaned


@admin.register(BlockType)
class BlockTypeAdmin(BeginsAtSite[BlockType]):
    """Sets of fields that several blocks share."""

    form = BlockTypeForm
    list_display = ("name", "key", "site", "fields_words", "block_count")
    list_filter = ("site",)
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name")
    ordering = ("site", "key")
    empty_words = (
        "A type is a set of fields that several blocks share: every teaser has a headline, a "
        "picture and a link."
    )
    add_words = "Add the first type"
    fieldsets = (
        (None, {"fields": [("name", "key"), "site"]}),
        (
            "Fields of every block of this type",
            {
                "fields": ["schema_lines"],
                "description": "A change reaches all blocks of the type with the next publication.",
            },
        ),
    )

    class Media:
        css = {"all": ("admin-attune/block/block.css",)}
        js = (PAGE_SCRIPT,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BlockType]:
        used = Count("blocks", filter=Q(blocks__archived_at=None))
        return super().get_queryset(request).annotate(used=used)

    def get_readonly_fields(self, request: HttpRequest, obj: BlockType | None = None) -> Any:
        return () if obj is None else ("site",)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: BlockType | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    @admin.display(description="Fields")
    def fields_words(self, kind: BlockType) -> str:
        return schema_table(kind.schema)

    @admin.display(description="Blocks", ordering="used")
    def block_count(self, kind: BlockType) -> int:
        return int(getattr(kind, "used", 0))


class MessagesField(forms.CharField):
    """A theme's messages in one language, one a line: `cta: See the offers`."""

    def __init__(self, locale: str, is_first: bool) -> None:
        super().__init__(
            label=f"Messages in {locale}",
            required=False,
            widget=AdminTextareaWidget({"rows": 5}),
            help_text=(
                'One a line: "cta: See the offers". Variants show it as {{ theme.cta }}.'
                if is_first
                else "What is missing here is shown in the first language."
            ),
        )

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {text}" for name, text in value.items())

    def clean(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for number, line in enumerate(super().clean(value).splitlines(), start=1):
            if not line.strip():
                continue
            name, colon, text = line.partition(":")
            name, text = name.strip(), text.strip()
            if not colon or not is_field_name(name):
                raise ValidationError(
                    f'Line {number}: write "name: text". A name has letters, digits and _.'
                )
            if name in found:
                raise ValidationError(f"Line {number}: '{name}' is said twice.")
            found[name] = text
        return found


class ThemeForm(forms.ModelForm[Theme]):
    """A theme: whom it speaks to. Its messages get one input for each language of the site."""

    segments = ChosenField(
        "segments", "segment", help_text=Theme._meta.get_field("segments").help_text
    )

    class Meta:
        model = Theme
        fields = ("site", "key", "name", "description", "segments")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        theme = self.instance
        field = self.fields.get("segments")
        if isinstance(field, ChosenField):
            field.at(site_of(self), [] if theme._state.adding else theme.segments.all())
        for name in self.fields:
            if name.startswith(_SAID):
                locale = name.removeprefix(_SAID)
                texts = {
                    key: said[locale] for key, said in theme.messages.items() if locale in said
                }
                self.initial[name] = texts

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        told: Messages = {}
        names = [name for name in self.fields if name.startswith(_SAID)]
        for name in names:
            for key, text in self.cleaned_data.get(name, {}).items():
                told.setdefault(key, {})[name.removeprefix(_SAID)] = text
        if names:
            # Languages that the site no longer has keep what they said.
            gone = {name.removeprefix(_SAID) for name in names}
            for key, said in self.instance.messages.items():
                for locale in said.keys() - gone:
                    told.setdefault(key, {})[locale] = said[locale]
            self.instance.messages = told
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        if self.instance._state.adding:
            return
        try:
            check_theme_messages(self.instance, self.instance.messages)
        except InvalidContent as error:
            for item in error.errors:
                self.add_error(None, item["detail"])


@admin.register(Theme)
class ThemeAdmin(BeginsAtSite[Theme]):
    """Themes: what is said to whom, shared by the variants of many blocks."""

    form = ThemeForm
    list_display = ("name", "key", "site", "speaks_to", "message_names", "variant_count")
    list_filter = ("site",)
    list_select_related = ("site",)
    list_per_page = 50
    search_fields = ("key", "name", "description")
    ordering = ("site", "key")
    empty_words = (
        "A theme is what you say to some segments, wherever they look: discounts to those who "
        "watch prices, depth to those who know the subject. Variants of many blocks share it."
    )
    add_words = "Add the first theme"

    class Media:
        css = {"all": ("admin-attune/block/block.css",)}
        js = (PAGE_SCRIPT,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Theme]:
        used = Count("variants", filter=Q(variants__archived_at=None), distinct=True)
        found = super().get_queryset(request).annotate(used=used)
        return found.prefetch_related("segments")

    def get_readonly_fields(self, request: HttpRequest, obj: Theme | None = None) -> Any:
        return ("message_words",) if obj is None else ("site", "message_words")

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Theme | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def get_form(
        self, request: HttpRequest, obj: Theme | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            inputs: dict[str, Any] = {
                f"{_SAID}{locale}": MessagesField(locale, number == 0)
                for number, locale in enumerate(obj.site.locales or ["en"])
            }
            kwargs["form"] = type("ThemeForm", (ThemeForm,), {**inputs, "__module__": __name__})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Theme | None = None) -> Any:
        top: Any = (None, {"fields": [("name", "key"), "site", "description"]})
        whom: Any = ("Whom it speaks to", {"fields": ["segments"]})
        if obj is None:
            return [top, whom]
        names = [f"{_SAID}{locale}" for locale in obj.site.locales or ["en"]]
        if not self.has_change_permission(request, obj):
            names = ["message_words"]
        return [top, whom, ("What it says", {"fields": names})]

    def response_add(
        self, request: HttpRequest, obj: Theme, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the theme's own page, where its messages are written."""
        if "_addanother" not in request.POST:
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]  # as Django's own UserAdmin does
        return super().response_add(request, obj, post_url_continue)

    @admin.display(description="Messages")
    def message_words(self, theme: Theme) -> str:
        rows = (
            (name, locale, text)
            for name, said in theme.messages.items()
            for locale, text in said.items()
        )
        return format_html_join("", "<div><code>{}</code> {}: {}</div>", rows) or "-"

    @admin.display(description="For")
    def speaks_to(self, theme: Theme) -> str:
        chips = ((segment.name,) for segment in theme.segments.all())
        return format_html_join("", '<span class="chip">{}</span>', chips) or "nobody yet"

    @admin.display(description="Messages")
    def message_names(self, theme: Theme) -> str:
        return ", ".join(theme.messages) or "none yet"

    @admin.display(description="Variants", ordering="used")
    def variant_count(self, theme: Theme) -> int:
        return int(getattr(theme, "used", 0))
