"""The form's field of a condition: JSON, refused with the place of the trouble."""

import json
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget

from engine.conditions.parse import parse_condition, to_json
from engine.errors import InvalidCondition

EXAMPLE = '{"v": 1, "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"}}'


class ConditionField(forms.CharField):
    """A condition document, edited as indented JSON."""

    widget = AdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        help_text = f"JSON, such as {EXAMPLE}. An empty “all” means everyone."
        super().__init__(**{"help_text": help_text, **options})
        self.widget.attrs.update({"rows": 14, "spellcheck": "false", "autocapitalize": "off"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored condition as text; what the editor typed stays as it was typed."""
        if value is None or isinstance(value, str):
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
