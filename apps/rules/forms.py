"""The editors' form of a rule: what it serves, to whom, when."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.html import escape

from apps.access.site_time import SiteDateTimeField
from apps.consent.declared import problem_of
from apps.content.chosen import ChosenField
from apps.rules.condition_field import ConditionField
from apps.rules.models import Rule

__all__ = ["ConditionField", "RuleForm", "site_id_of", "zone_fields"]

NAMED: Final = 12  # variants that a hint names


class VariantField(forms.CharField):
    """A variant of the block that fills the chosen placement, by its key; the page offers them."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", AdminTextInputWidget({"autocomplete": "off"}))
        super().__init__(**options)
        self.chosen: Any = None

    def prepare_value(self, value: Any) -> Any:
        if self.chosen is not None and str(value) == str(self.chosen.pk):
            return self.chosen.key
        return getattr(value, "key", value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial) or "") != str(self.prepare_value(data) or "")


def site_id_of(form: forms.BaseModelForm[Any]) -> UUID | None:
    """Return the site that a form speaks of: that of its row, or the one chosen in a new one."""
    found = form.instance.site_id
    if found is not None:
        return UUID(str(found))
    given = form.data.get("site") if form.is_bound else form.initial.get("site")
    try:
        return UUID(str(getattr(given, "pk", given)))
    except ValueError:
        return None


def zone_fields(form: forms.BaseForm, site_id: UUID | None) -> str:
    """Have the moments of a form read and shown on the wall clock of its site; return the zone."""
    zone = "UTC"
    if site_id is not None:
        site = Rule._meta.get_field("site").related_model
        names = site._default_manager.filter(pk=site_id).values_list("time_zone", flat=True)
        zone = names.first() or "UTC"
    for name in ("starts_at", "ends_at"):
        field = form.fields.get(name)
        if isinstance(field, SiteDateTimeField):
            field.zone = zone
            field.help_text = f"{field.help_text} On the site's clock: {escape(zone)}."
    return str(zone)


class RuleForm(forms.ModelForm[Rule]):
    """A rule whose placement, block and variant are all of one site."""

    placement = ChosenField(
        "placements", "placement", most=1, required=True, help_text="Where it shows something."
    )
    variant = VariantField(help_text="What it shows: a variant of the block in that placement.")
    condition = ConditionField()
    caps = ChosenField(
        "caps",
        "frequency cap",
        help_text="What this rule serves, unless it is the default, draws on these caps.",
    )
    starts_at = SiteDateTimeField(label="Starts", help_text="Empty: at once.")
    ends_at = SiteDateTimeField(label="Ends", help_text="Empty: never.")

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
            "purpose",
            "caps",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rule = self.instance
        is_new = rule._state.adding
        site_id = site_id_of(self)
        zone_fields(self, site_id)
        placement = None if is_new else rule.placement
        for name, rows in (
            ("placement", [] if placement is None else [placement]),
            ("caps", [] if is_new else rule.caps.all()),
        ):
            field = self.fields.get(name)
            if isinstance(field, ChosenField):
                field.at(site_id, rows)
        variant = self.fields.get("variant")
        if isinstance(variant, VariantField) and not is_new:
            variant.chosen = rule.variant
            # The admin shows helps as HTML, and the hint holds what editors have typed.
            variant.help_text = f"{variant.help_text} {escape(variants_hint(placement))}"

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        place_variant(self, data)
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "A rule must end after it starts.")
        # Who leaves it out says nothing: it stays what it is.
        is_said = self.add_prefix("purpose") in self.data
        problem = problem_of(data["purpose"] if is_said else self.instance.purpose)
        if data.get("is_enabled") and problem is not None:
            self.add_error("purpose" if "purpose" in self.fields else None, problem)
        return data


def place_variant(form: forms.BaseForm, data: dict[str, Any]) -> None:
    """Put the variant that was meant into `data`, or say why there is none."""
    placement, given = data.get("placement"), data.pop("variant", None)
    if placement is None or not given:
        return
    if placement.block_id is None:
        form.add_error("placement", "No block fills this placement: give it one first.")
        return
    offered = variants_in(placement)
    found = next((one for one in offered if given in (one.key, str(one.pk))), None)
    if found is None:
        form.add_error(
            "variant",
            f"“{given}” is no variant of “{placement.block}”, which fills {placement.key}. "
            f"{variants_hint(placement)}",
        )
        return
    data["variant"] = found


def variants_in(placement: Any) -> list[Any]:
    """Return the variants that can be shown in a placement, the default first. One query."""
    if placement is None or placement.block_id is None:
        return []
    rows = placement.block.variants.filter(archived_at=None)
    return list(rows.order_by("-is_default", "name", "key"))


def variants_hint(placement: Any) -> str:
    """Return the variants of a placement's block in words. One query."""
    if placement is None or placement.block is None:
        return ""
    names = [one.key for one in variants_in(placement)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{placement.block.name} has: {', '.join(names[:NAMED])}{more}."
