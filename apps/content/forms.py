"""The editors' forms: a block's schema as lines of text, a variant's typed fields as inputs."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import (
    AdminTextareaWidget,
    AdminTextInputWidget,
    FilteredSelectMultiple,
)
from django.core.exceptions import ValidationError

from apps.content.capping import caps_of, check_cap, span_of, words
from apps.content.checks import check_block, check_placement, check_variant
from apps.content.domain.fields import JSON, Field, FieldType, parse_schema, schema_document
from apps.content.errors import InvalidContent
from apps.content.models import Block, Cap, Placement, Variant
from apps.content.selectors import segments_for_tagging
from engine.capping import span_words

MAX_CHECKBOXES = 20  # segments at a glance; more get a list with a filter
FIELD_PREFIX = "field_"  # keeps a block's field "name" apart from the variant's own name


class SpanField(forms.CharField):
    """A span of time as an editor writes it ("7 days"), in milliseconds."""

    def __init__(self, *, empty: int | None = None, **options: Any) -> None:
        super().__init__(
            required=False, widget=AdminTextInputWidget(attrs={"placeholder": "7 days"}), **options
        )
        self.empty = empty

    def prepare_value(self, value: Any) -> Any:
        return span_words(value) if isinstance(value, int) and value else value or ""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return self.empty
        span = span_of(text)
        if span is None:
            raise ValidationError('Write a span such as "7 days", "12 hours" or "90 minutes".')
        return span


class CapForm(forms.ModelForm[Cap]):
    """A frequency cap, its spans in words."""

    window_ms = SpanField(label="in any", help_text=Cap._meta.get_field("window_ms").help_text)
    cooldown_ms = SpanField(
        label="then not for", empty=0, help_text=Cap._meta.get_field("cooldown_ms").help_text
    )
    half_life_ms = SpanField(
        label="wears off by half in", help_text=Cap._meta.get_field("half_life_ms").help_text
    )

    class Meta:
        model = Cap
        fields = (
            "site",
            "key",
            "name",
            "most",
            "window_ms",
            "per",
            "cooldown_ms",
            "half_life_ms",
            "step",
            "floor",
            "skip_below",
        )

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        if self.errors:
            return  # what could not be read is no number to judge
        try:
            check_cap(self.instance)
        except InvalidContent as error:
            add_errors(self, error, {})


def _cap_label(cap: Cap) -> str:
    return f"{cap.name}: {words(cap)}"


def offer_caps(field: Any, site_id: UUID | None) -> None:
    """Let a form's `caps` be chosen among the caps of its site, as chips to tick."""
    if field is None:
        return
    field.queryset = caps_of(site_id)
    field.label_from_instance = _cap_label
    field.widget = forms.CheckboxSelectMultiple()
    field.widget.choices = field.choices


class BlockForm(forms.ModelForm[Block]):
    """A block; its fields are declared one a line: `headline: string required`."""

    schema_lines = forms.CharField(
        label="Fields",
        required=False,
        widget=AdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=(
            'One a line, such as "headline: string required" or "image: image". '
            f"Types: {', '.join(FieldType)}."
        ),
    )

    class Meta:
        model = Block
        fields = (
            "site",
            "key",
            "name",
            "kind",
            "purpose",
            "value_type",
            "is_client_visible",
            "recommender",
            "item_limit",
            "is_cacheable",
            "caps",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding and self.instance.kind == Block.Kind.FLAG:
            del self.fields["schema_lines"]
        else:
            self.fields["schema_lines"].initial = schema_lines(self.instance.schema)
        offer_caps(self.fields.get("caps"), self.instance.site_id)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        lines = self.cleaned_data.get("schema_lines")
        if lines is not None:
            self.instance.schema = self._read_schema(lines)
        return cleaned

    def _read_schema(self, text: str) -> list[JSON]:
        declared, problems = parse_lines(text)
        for problem in problems:
            self.add_error("schema_lines", problem)
        return declared if not problems else self.instance.schema

    def _post_clean(self) -> None:
        # After the instance has its values, so that what goes together is judged together.
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        try:
            check_block(self.instance)
        except InvalidContent as error:
            add_errors(self, error, {"schema": "schema_lines"})


def schema_lines(document: object) -> str:
    """Return the lines that an editor edits for a stored schema."""
    try:
        fields = parse_schema(document)
    except InvalidContent:
        return ""
    return "\n".join(
        f"{field.name}: {field.type}{' required' if field.is_required else ''}" for field in fields
    )


def parse_lines(text: str) -> tuple[list[JSON], list[str]]:
    """Return the schema that the lines declare, and what is wrong with them."""
    document: list[JSON] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        words = rest.split()
        if not colon or len(words) not in (1, 2) or words[1:] not in ([], ["required"]):
            return [], [f'Line {number}: write "name: type" or "name: type required".']
        item: dict[str, JSON] = {
            "name": name.strip(),
            "type": words[0],
            "required": len(words) == 2,
        }
        try:
            parse_schema([item])
        except InvalidContent as error:
            return [], [f"Line {number}: {error}"]
        document.append(item)
    try:
        return schema_document(parse_schema(document)), []
    except InvalidContent as error:
        return [], [str(error)]


class PlacementForm(forms.ModelForm[Placement]):
    """A placement and the block of its own site that fills it."""

    class Meta:
        model = Placement
        fields = ("site", "key", "name", "block", "is_enabled", "caps")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_caps(self.fields.get("caps"), self.instance.site_id)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        placement = self.instance
        try:
            check_placement(key=placement.key, site_id=placement.site_id, block=placement.block)
        except InvalidContent as error:
            add_errors(self, error, {})


class VariantForm(forms.ModelForm[Variant]):
    """One variant. `variant_form_for` adds the inputs of its block's fields."""

    block: ClassVar[Block]
    schema: ClassVar[list[Field]]
    segment_choices: ClassVar[list[tuple[UUID, str]]]
    cap_choices: ClassVar[list[tuple[UUID, str]]]

    class Meta:
        model = Variant
        fields = ("key", "name", "priority", "is_default", "segments", "caps", "template", "value")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "segments" in self.fields:
            # One query for all the variants of the page instead of one each.
            self.fields["segments"].widget.choices = self.segment_choices
        if "caps" in self.fields:
            self.fields["caps"].widget.choices = self.cap_choices
        for field in self.schema:
            if field.name in self.instance.fields:
                self.initial[FIELD_PREFIX + field.name] = self.instance.fields[field.name]

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        fields: dict[str, JSON] = {}
        for field in self.schema:
            value = data.get(FIELD_PREFIX + field.name)
            if value is not None and value != "":
                fields[field.name] = _exact(value)
        segments = data.get("segments")
        try:
            check_variant(
                self.block,
                key=data.get("key", ""),
                fields=fields,
                template=data.get("template", ""),
                value=data.get("value"),
                is_default=data.get("is_default", False),
                is_tagged=segments is not None and bool(segments),
                is_capped=bool(data.get("caps")),
            )
        except InvalidContent as error:
            add_errors(self, error, {})
        self.instance.fields = fields
        return data


class VariantFormSet(forms.BaseInlineFormSet[Variant, Block, VariantForm]):
    """The variants of one block, at most one of them the default."""

    def clean(self) -> None:
        super().clean()
        defaults = [
            form
            for form in self.forms
            if form not in self.deleted_forms
            and getattr(form, "cleaned_data", {}).get("is_default")
        ]
        for form in defaults[1:]:
            form.add_error("is_default", "Another variant is the default already: choose one.")

    def save(self, commit: bool = True) -> list[Variant]:
        """Save; a variant that gives the default away does so before another one takes it."""
        given = [
            form.instance.pk
            for form in self.initial_forms
            if "is_default" in form.changed_data or form in self.deleted_forms
        ]
        self.instance.variants.filter(pk__in=given).update(is_default=False)
        return super().save(commit)


def variant_form_for(block: Block | None) -> type[VariantForm]:
    """Return the form class of a block's variants, with one input for each declared field."""
    block = block if block is not None else Block()
    try:
        schema = parse_schema(block.schema)
    except InvalidContent:
        schema = []
    inputs: dict[str, Any] = {FIELD_PREFIX + field.name: _input_of(field) for field in schema}
    if block.kind == Block.Kind.FLAG:
        inputs["value"] = _value_input(block.value_type)
    offered = segments_for_tagging(block.site_id)
    inputs["segments"] = forms.ModelMultipleChoiceField(
        queryset=offered,
        required=False,
        widget=(
            forms.CheckboxSelectMultiple()
            if len(offered) <= MAX_CHECKBOXES
            else FilteredSelectMultiple("segments", is_stacked=False)
        ),
        help_text="Visitors in any of these see this variant. Leave empty for the default.",
    )
    caps = list(caps_of(block.site_id))
    inputs["caps"] = forms.ModelMultipleChoiceField(
        queryset=caps_of(block.site_id),
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text="Showing this variant draws on these. Leave empty for the default.",
    )
    attributes = {
        **inputs,
        "block": block,
        "schema": schema,
        "segment_choices": [(segment.pk, str(segment)) for segment in offered],
        "cap_choices": [(cap.pk, _cap_label(cap)) for cap in caps],
        "__module__": __name__,
    }
    return type("VariantForm", (VariantForm,), attributes)


def _input_of(field: Field) -> forms.Field:
    """Return the input of one declared field. That it is required, the check says in words."""
    label = field.name.replace("_", " ").capitalize() + (" *" if field.is_required else "")
    match field.type:
        case FieldType.BOOLEAN:
            return forms.BooleanField(label=label, required=False)
        case FieldType.NUMBER:
            return forms.FloatField(label=label, required=False)
        case FieldType.HTML:
            return forms.CharField(
                label=label, required=False, strip=False, widget=AdminTextareaWidget({"rows": 5})
            )
        case FieldType.STRING:
            return forms.CharField(
                label=label, required=False, strip=False, widget=AdminTextareaWidget({"rows": 2})
            )
        case _:
            return forms.CharField(label=label, required=False, widget=AdminTextInputWidget())


def _value_input(value_type: str) -> forms.Field:
    match value_type:
        case "boolean":
            return forms.TypedChoiceField(
                choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
            )
        case "integer":
            return forms.IntegerField()
        case "float":
            return forms.FloatField()
        case "string":
            return forms.CharField(strip=False, required=False, empty_value="")
        case _:
            return forms.JSONField(widget=AdminTextareaWidget({"rows": 5}))


def _exact(value: JSON) -> JSON:
    """Return a whole float as an integer: an editor who types 3 means 3."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def add_errors(form: forms.BaseForm, error: InvalidContent, names: dict[str, str]) -> None:
    """Put each error beside the input that it speaks of; `names` maps pointers to other inputs."""
    for item in error.errors:
        first, _, rest = item["pointer"].lstrip("/").partition("/")
        name = FIELD_PREFIX + rest if first == "fields" else names.get(first, first)
        place = name if name in form.fields else None
        if place is None or place not in form.errors:
            form.add_error(place, ValidationError(item["detail"], code=item["code"]))
