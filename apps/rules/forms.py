"""The editors' form of a rule: its condition as JSON, refused with the place of the trouble."""

import json
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget

from apps.content.selectors import caps_of
from apps.rules.models import Rule, everyone
from engine.conditions.parse import parse_condition, to_json
from engine.errors import InvalidCondition

EXAMPLE = '{"v": 1, "where": {"kind": "context", "name": "device", "op": "eq", "value": "phone"}}'


class ConditionField(forms.CharField):
    """A condition document, edited as indented JSON."""

    widget = AdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(
            initial=everyone,
            help_text=f"JSON, such as {EXAMPLE}. An empty “all” means everyone.",
            **options,
        )
        self.widget.attrs.update({"rows": 14, "spellcheck": "false", "autocapitalize": "off"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored condition as text; what the editor typed stays as it was typed."""
        if isinstance(value, str):
            return value
        with suppress(InvalidCondition):
            # The database forgets the order of keys: kind and name come first again.
            value = to_json(parse_condition(value))
        return json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        text = super().to_python(value)
        if not text:
            return None
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(
                f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
                code="invalid_json",
            ) from error
        except RecursionError as error:
            raise forms.ValidationError(
                "This is nested too deeply.", code="invalid_json"
            ) from error
        try:
            parse_condition(document)
        except InvalidCondition as error:
            raise forms.ValidationError(f"At {error}.", code=error.code) from error
        return document

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class RuleForm(forms.ModelForm[Rule]):
    """A rule whose placement, block and variant are all of one site."""

    condition = ConditionField()

    class Meta:
        model = Rule
        fields = (
            "site",
            "key",
            "name",
            "placement",
            "variant",
            "priority",
            "condition",
            "starts_at",
            "ends_at",
            "is_enabled",
            "caps",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        caps = self.fields.get("caps")
        if isinstance(caps, forms.ModelMultipleChoiceField):
            if self.instance.site_id:
                caps.queryset = caps_of(self.instance.site_id)
            caps.widget = forms.CheckboxSelectMultiple()
            caps.widget.choices = caps.choices

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        site = data.get("site", self.instance.site_id and self.instance.site)
        placement, variant = data.get("placement"), data.get("variant")
        if placement is not None and site and placement.site_id != site.pk:
            self.add_error("placement", "The placement belongs to another site.")
        elif placement is not None and placement.block_id is None:
            self.add_error("placement", "No block fills this placement: give it one first.")
        elif placement and variant and variant.block_id != placement.block_id:
            words = (
                f"“{variant}” is no variant of “{placement.block}”, which fills {placement.key}."
            )
            self.add_error("variant", words)
        if site and any(cap.site_id != site.pk for cap in data.get("caps") or ()):
            self.add_error("caps", "The cap belongs to another site.")
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "A rule must end after it starts.")
        return data
