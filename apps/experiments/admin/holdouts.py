"""Holdouts: who sees nothing personalized, in what, and for how long."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format

from apps.content.chosen import ChosenField
from apps.content.offers import choices
from apps.experiments.admin.base import DesignAdmin
from apps.experiments.admin.fields import PercentField
from apps.experiments.admin.words import holdout_words
from apps.experiments.models import Holdout
from apps.experiments.rotating import first_seed
from apps.work import clock


class PlacementKeysField(ChosenField):
    """Placements by their keys."""

    def clean(self, value: Any) -> list[str]:
        return sorted(row.key for row in super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(sorted(initial or []) != self.clean(data))
        except forms.ValidationError:
            return True


class HoldoutForm(forms.ModelForm[Holdout]):
    """A holdout: of everything, or of a topic, which is some placements."""

    share = PercentField(
        label="Share, %",
        max_value=50,
        help_text="Of the visitors: of 5 % one can learn something within weeks on most sites.",
    )
    placements = PlacementKeysField(
        "placements",
        "placement",
        label="Only in",
        help_text="What it is about: some placements make a holdout of a topic. Empty: everything.",
    )

    class Meta:
        model = Holdout
        fields = ("site", "name", "key", "share", "placements", "rotates_days", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.initial.setdefault("share", self.instance.share)
        field = self.fields.get("placements")
        if isinstance(field, ChosenField):
            holdout = self.instance
            given = self.data.get("site") if self.is_bound else self.initial.get("site")
            site_id = holdout.site_id or getattr(given, "pk", given) or None
            keys = list(holdout.placements or [])
            rows = choices("placements", site_id).filter(key__in=keys) if keys else []
            field.at(site_id, rows)

    def clean_share(self) -> float:
        """Half of the visitors is the most, and nobody is no holdout."""
        share = float(self.cleaned_data["share"])
        if not 0 < share <= 0.5:
            raise forms.ValidationError("More than 0 and at most 50 %.")
        return share


@admin.register(Holdout)
class HoldoutAdmin(DesignAdmin[Holdout]):
    """Holdouts. What is saved here is served with the next publication."""

    form = HoldoutForm
    change_form_template = "admin/experiments/holdout.html"
    list_display = ("name", "words", "is_enabled", "rotates", "key", "site")
    list_filter = ("site", "is_enabled")
    search_fields = ("name", "key")
    ordering = ("site__name", "name")
    empty_words = (
        "A holdout is a small share of the visitors for whom nothing is personalized. Beside them "
        "one can see what personalization earns altogether."
    )
    add_words = "Add the first holdout"
    fieldsets = (
        ("Who is held out", {"fields": ["name", "key", "site", "share", "is_enabled"]}),
        (
            "Of what, and for how long",
            {
                "fields": ["placements", "rotates_days"],
                "description": "After so many days others are held out, so that nobody is left "
                "without for ever. It is published by itself then.",
            },
        ),
    )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "share" in form.base_fields:
            form.base_fields["share"].validators = []
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With when others are held out."""
        holdout: Holdout | None = kwargs.get("obj")
        if holdout is not None:
            context |= {"words": holdout_words(holdout), "next_at": next_rotation(holdout)}
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Holdout, form: Any, change: bool) -> None:
        """A new one gets its seed: who is held out. The clock of its rotation starts with it."""
        if not obj.seed:
            obj.seed = first_seed(obj)
        if obj.is_enabled and obj.started_at is None:
            obj.started_at = clock.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="Who")
    def words(self, holdout: Holdout) -> str:
        return holdout_words(holdout)

    @admin.display(description="Others from")
    def rotates(self, holdout: Holdout) -> str:
        """When others are held out."""
        at = next_rotation(holdout)
        return "-" if at is None else date_format(at, "DATE_FORMAT")


def next_rotation(holdout: Holdout) -> datetime | None:
    """Return when others are held out; None: never, or it is switched off."""
    if not (holdout.rotates_days and holdout.started_at and holdout.is_enabled):
        return None
    return holdout.started_at + timedelta(days=holdout.rotates_days)
