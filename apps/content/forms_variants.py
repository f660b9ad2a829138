"""The form of a variant: its own settings, an input for each field, and one for each language."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.html import escape
from django.utils.text import slugify

from apps.access.site_time import SiteDateTimeField
from apps.content.checks import check_translation, check_variant
from apps.content.chosen import ChosenField
from apps.content.domain.fields import JSON, Field, parse_schema
from apps.content.errors import InvalidContent
from apps.content.forms_placing import caps_input, recommenders
from apps.content.forms_refused import FIELD_PREFIX, add_errors
from apps.content.inputs import exact, input_of, is_translatable, value_input
from apps.content.models import Block, Theme, Variant
from apps.content.translating import remove_translation, set_translation

_EMPTY: tuple[JSON, ...] = (None, "", [], {})


class VariantForm(forms.ModelForm[Variant]):
    """One variant. `variant_form_for` adds the inputs of its block's fields and languages."""

    block: ClassVar[Block]
    schema: ClassVar[list[Field]]
    locales: ClassVar[Sequence[str]]
    theme_choices: ClassVar[list[tuple[Any, str]]]

    class Meta:
        model = Variant
        fields = (
            "key",
            "name",
            "priority",
            "is_default",
            "segments",
            "theme",
            "caps",
            "starts_at",
            "ends_at",
            "template",
            "value",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        variant = self.instance
        is_new = variant._state.adding
        for name, label in (("key", "Key"), ("name", "Name")):
            if name in self.fields:
                self.fields[name].label = label
        if "key" in self.fields:
            self.fields["key"].required = False
            self.fields["key"].help_text = "" if not is_new else "Empty: made from the name."
        for name in ("segments", "caps"):
            field = self.fields.get(name)
            if isinstance(field, ChosenField):
                chosen = [] if is_new else getattr(variant, name).all()
                field.at(self.block.site_id, chosen)
        if "theme" in self.fields:
            # One query for all the variants of the page instead of one each.
            choices: Any = self.fields["theme"].widget
            choices.choices = self.theme_choices
        for declared in self.schema:
            if declared.name in variant.fields:
                self.initial[FIELD_PREFIX + declared.name] = variant.fields[declared.name]
        self.translations = (
            {} if is_new else {one.locale: one for one in variant.translations.all()}
        )
        for locale in self.locales:
            told = self.translations.get(locale)
            if told is None:
                continue
            self.initial[f"{_before(locale)}template"] = told.template
            for name, value in told.fields.items():
                self.initial[f"{_before(locale)}{FIELD_PREFIX}{name}"] = value

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        if not data.get("key") and "key" in self.fields and "key" not in self.errors:
            data["key"] = slugify(data.get("name", ""))[:100].strip("-_") or "variant"
        starts, ends = data.get("starts_at"), data.get("ends_at")
        if starts is not None and ends is not None and ends <= starts:
            self.add_error("ends_at", "It would end before it starts.")
        fields = self._filled("", self.instance.fields)
        try:
            check_variant(
                self.block,
                key=data.get("key", ""),
                fields=fields,
                template=data.get("template", ""),
                value=data.get("value"),
                is_default=data.get("is_default", False),
                is_tagged=bool(data.get("segments")),
                is_capped=bool(data.get("caps")),
                starts_at=starts,
                ends_at=ends,
                theme=data.get("theme"),
            )
        except InvalidContent as error:
            add_errors(self, error, {})
        self.instance.fields = fields
        self.said = {locale: self._translated(locale) for locale in self.locales}
        return data

    def _translated(self, locale: str) -> tuple[dict[str, JSON], str]:
        """Return what one language says, checked."""
        before = _before(locale)
        told = self.translations.get(locale)
        fields = self._filled(before, told.fields if told is not None else {})
        template = self.cleaned_data.get(f"{before}template", "")
        try:
            if fields or template:
                check_translation(
                    self.block,
                    fields=fields,
                    template=template,
                    locale=locale,
                    theme=self.cleaned_data.get("theme"),
                )
        except InvalidContent as error:
            add_errors(self, error, {}, before=before)
        return fields, template

    def _filled(self, before: str, stored: dict[str, JSON]) -> dict[str, JSON]:
        """Return the fields that the inputs hold. What nobody touched stays as it is stored."""
        fields: dict[str, JSON] = {}
        for field in self.schema:
            name = f"{before}{FIELD_PREFIX}{field.name}"
            if name not in self.fields:
                continue
            if name not in self.changed_data and field.name in stored:
                fields[field.name] = stored[field.name]
                continue
            value = self.cleaned_data.get(name)
            is_untouched = name not in self.changed_data and not field.is_required
            if value in _EMPTY or (value is False and is_untouched):
                continue
            fields[field.name] = exact(value)
        return fields

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        for locale, (fields, template) in self.said.items():
            if fields or template:
                set_translation(
                    variant_id=self.instance.pk, locale=locale, fields=fields, template=template
                )
            elif locale in self.translations:
                remove_translation(variant_id=self.instance.pk, locale=locale)


class VariantFormSet(forms.BaseInlineFormSet[Variant, Block, VariantForm]):
    """The variants of one block, at most one of them the default."""

    def clean(self) -> None:
        super().clean()
        defaults = [
            form for form in self.forms if getattr(form, "cleaned_data", {}).get("is_default")
        ]
        for form in defaults[1:]:
            form.add_error("is_default", "Another variant is the default already: choose one.")

    def save(self, commit: bool = True) -> list[Variant]:
        """Save; a variant that gives the default away does so before another one takes it."""
        given = [
            form.instance.pk for form in self.initial_forms if "is_default" in form.changed_data
        ]
        self.instance.variants.filter(pk__in=given).update(is_default=False)
        return super().save(commit)


def variant_form_for(block: Block | None) -> type[VariantForm]:
    """Return the form class of a block's variants: inputs for its fields, in each language."""
    block = block if block is not None else Block()
    schema, locales = layout_of(block)
    has_site = block.site_id is not None
    is_flag = block.kind == Block.Kind.FLAG
    zone = block.site.time_zone if has_site else "UTC"
    inputs: dict[str, Any] = _inputs_of(block, schema, locales)
    if is_flag:
        inputs["value"] = value_input(block.value_type)
    themes = Theme.objects.filter(site_id=block.site_id, archived_at=None).order_by("name")
    inputs |= {
        "segments": ChosenField(
            "segments",
            "segment",
            help_text="Visitors in any of these see this variant. Leave empty for the default.",
        ),
        "caps": caps_input("Showing this variant draws on these. Leave empty for the default."),
        "theme": forms.ModelChoiceField(
            queryset=themes,
            required=False,
            empty_label="None",
            help_text="Its messages ({{ theme.name }}) and its segments go with the variant.",
        ),
        "starts_at": SiteDateTimeField(
            zone=zone, label="Starts", help_text=f"{escape(zone)}. Empty: at once."
        ),
        "ends_at": SiteDateTimeField(
            zone=zone, label="Ends", help_text=f"{escape(zone)}. Empty: never."
        ),
        "block": block,
        "schema": schema,
        "locales": locales,
        "theme_choices": [("", "None"), *((theme.pk, theme.name) for theme in themes)],
        "__module__": __name__,
    }
    return type("VariantForm", (VariantForm,), inputs)


def layout_of(block: Block) -> tuple[list[Field], tuple[str, ...]]:
    """Return the fields of a block's variants and the languages that they are translated to."""
    try:
        schema = parse_schema(block.fields_schema)
    except InvalidContent:
        schema = []
    if block.site_id is None or block.kind == Block.Kind.FLAG:
        return schema, ()
    return schema, tuple(block.site.locales[1:])


def _inputs_of(block: Block, schema: Sequence[Field], locales: Sequence[str]) -> dict[str, Any]:
    """Return the inputs of the fields, in the site's first language and in every other one."""
    has_products = any(str(field.type) == "products" for field in schema)
    offered = recommenders(block) if has_products else []
    inputs: dict[str, Any] = {
        FIELD_PREFIX + field.name: input_of(field, recommenders=offered) for field in schema
    }
    is_email = block.channel == Block.Channel.EMAIL
    words = (
        "HTML with Liquid; styles stand in the elements, as mail programs want them."
        if is_email
        else "HTML with Liquid. Empty: the page draws the fields itself."
    )
    inputs["template"] = _template_input(words, is_email=is_email)
    for locale in locales:
        before = _before(locale)
        for field in filter(is_translatable, schema):
            inputs[f"{before}{FIELD_PREFIX}{field.name}"] = input_of(field, is_translation=True)
        inputs[f"{before}template"] = _template_input(
            "Empty: as in the first language.", is_email=is_email
        )
    return inputs


def _template_input(help_text: str, *, is_email: bool) -> forms.Field:
    kind = "email" if is_email else "html"  # of its sample
    return forms.CharField(
        label="Template",
        required=False,
        strip=False,
        widget=AdminTextareaWidget({"rows": 6, "spellcheck": "false", "data-values": kind}),
        help_text=help_text,
    )


def locale_names(locale: str, schema: Sequence[Field]) -> list[str]:
    """Return the names of a language's inputs, in order."""
    before = _before(locale)
    names = [f"{before}{FIELD_PREFIX}{field.name}" for field in schema if is_translatable(field)]
    return [*names, f"{before}template"]


def _before(locale: str) -> str:
    """Return what the names of a language's inputs begin with."""
    return f"in_{locale}_"
