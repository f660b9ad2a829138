"""The form of a frequency cap, its spans in words."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError

from apps.content.capping import check_cap, span_of
from apps.content.errors import InvalidContent
from apps.content.forms_refused import add_errors
from apps.content.models import Cap
from engine.capping import span_words


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
