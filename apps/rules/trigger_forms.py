"""The editors' form of a trigger: when somebody comes or goes, then what, how often."""

import json
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget

from apps.access.site_time import SiteDateTimeField
from apps.consent.recipients import Recipient
from apps.content.chosen import ChosenField
from apps.content.forms_caps import SpanField
from apps.rules.errors import InvalidRule
from apps.rules.forms import VariantField, place_variant, site_id_of, zone_fields
from apps.rules.models import Trigger
from apps.rules.triggers import MAX_MESSAGE, check_trigger


class MessageField(forms.CharField):
    """A small JSON object, or nothing."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(widget=AdminTextareaWidget({"rows": 4, "spellcheck": "false"}), **options)

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, indent=1, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(
                'This is not JSON. Write names and values such as {"show": "cart-reminder"}.'
            ) from error
        if not isinstance(found, dict):
            raise forms.ValidationError('Write an object: {"show": "cart-reminder"}.')
        if len(text) > MAX_MESSAGE:
            raise forms.ValidationError(f"At most {MAX_MESSAGE:,} characters.")
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True


class TriggerForm(forms.ModelForm[Trigger]):
    """A trigger of one site; what goes together is judged together."""

    segment = ChosenField("segments", "segment", most=1, required=True, label="Segment")
    for_ms = SpanField(
        empty=0,
        label="and that has held for",
        help_text="Who turns back earlier is not meant. Empty: at once.",
    )
    placement = ChosenField(
        "placements",
        "placement",
        most=1,
        label="Show in",
        help_text=(
            "Empty: nothing is shown. Content is for those who come into the segment, at once: a "
            "page is told who is in a segment when it asks, not for how long or who has left. For "
            "“held for”, put the span into the segment (“has not bought for 30 minutes”); for "
            "those who leave, make a segment of them. Messages and calls work for all of these."
        ),
    )
    variant = VariantField(required=False, label="this variant", help_text="Of its block.")
    message = MessageField(
        label="Tell open pages",
        help_text=(
            "JSON for the script of the page, which hears it as the event “attune:trigger” on "
            'window: {"show": "cart-reminder"}. The same for everybody: nothing of one person.'
        ),
    )
    webhook_address = forms.URLField(
        widget=AdminTextInputWidget({"inputmode": "url"}),
        required=False,
        max_length=500,
        assume_scheme="https",
        label="Call an address",
        help_text="A Standard Webhook is posted there, with the id of the profile.",
    )
    window_ms = SpanField(label="in any", help_text="Empty: in 90 days.")
    cooldown_ms = SpanField(empty=0, label="then not for", help_text="A pause after each time.")
    starts_at = SiteDateTimeField(label="Starts", help_text="Empty: at once.")
    ends_at = SiteDateTimeField(label="Ends", help_text="Empty: never.")

    class Meta:
        model = Trigger
        fields = (
            "site",
            "name",
            "key",
            "on",
            "segment",
            "for_ms",
            "placement",
            "variant",
            "priority",
            "message",
            "webhook_address",
            "recipient",
            "purpose",
            "most",
            "window_ms",
            "cooldown_ms",
            "most_per_minute",
            "starts_at",
            "ends_at",
            "is_enabled",
        )
        # In whose place the one above comes.
        field_classes = {"webhook_address": forms.CharField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        trigger = self.instance
        is_new = trigger._state.adding
        site_id = site_id_of(self)
        zone_fields(self, site_id)
        for name in ("segment", "placement"):
            field, row = self.fields.get(name), None if is_new else getattr(trigger, name)
            if isinstance(field, ChosenField):
                field.at(site_id, [] if row is None else [row])
        variant = self.fields.get("variant")
        if isinstance(variant, VariantField) and not is_new:
            variant.chosen = trigger.variant
        recipient = self.fields.get("recipient")
        if isinstance(recipient, forms.ModelChoiceField):
            of_site = Recipient.objects.none()
            if site_id is not None:
                of_site = Recipient.objects.filter(site_id=site_id).order_by("name")
            recipient.queryset = of_site
            recipient.empty_label = "Yourself"

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        given = data.get("variant")
        place_variant(self, data)
        is_placed = data.get("placement") is not None
        if bool(given) is not is_placed and not {"placement", "variant"} & self.errors.keys():
            wrong = "variant" if is_placed else "placement"
            self.add_error(wrong, "Choose both a placement and a variant, or neither.")
        if "variant" not in data and "variant" not in self.errors:
            data["variant"] = None
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "A trigger must end after it starts.")
        return data

    def _post_clean(self) -> None:
        # After the instance has its values, so that what goes together is judged together.
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        if self.errors or self.instance.site_id is None:
            return
        try:
            check_trigger(self.instance)
        except InvalidRule as error:
            self.add_error(error.field if error.field in self.fields else None, error.detail)
