"""The form of an experiment, in steps, in the words of whoever designs one."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from apps.experiments.admin.fields import FactorsField, PercentField, SegmentKeysField
from apps.experiments.models import Cause, Experiment, Layer
from apps.segments.condition_field import ConditionField

EVERYBODY: Final[dict[str, list[Any]]] = {"all": []}
BANDITS: Final = ("bandit_floor", "bandit_burn_in", "bandit_hours", "is_contextual")
_OWN: Final = {field.name for field in Experiment._meta.get_fields()}

STEPS: Final[list[tuple[str, dict[str, Any]]]] = [
    (
        "1. The question",
        {
            "fields": ["placement", "name", "key", "hypothesis", "kind", "factors"],
            "description": "What is compared, and what you think will come of it.",
        },
    ),
    (
        "2. Who takes part",
        {
            "fields": ["coverage", "layer", "layer_share", "condition", "segments"],
            "description": "Whoever is in the holdout, or does not allow experiments, never does.",
        },
    ),
    (
        "3. How large, and how long",
        {
            "fields": ["mde_relative", "baseline", "per_arm", "min_days", "looking", "looks",
                       "alpha", "power"],
            "description": "A start without a planned size is marked: how long to wait is then "
            "decided by looking, which fools.",
        },
    ),
    (
        "What stops an arm by itself",
        {
            "fields": ["stops_for", "stop_least"],
            "description": "A stopped arm shows the control until somebody lets it go on.",
        },
    ),
    ("A bandit", {"classes": ["bandit-only"], "fields": list(BANDITS)}),
]  # fmt: skip


class ExperimentForm(forms.ModelForm[Experiment]):
    """A design. It may be saved unfinished: what lacks is said above it and before the start."""

    factors = FactorsField(
        help_text="Of a factorial: one factor a line with its levels, such as “headline: short, "
        "long”. An arm is made for each combination.",
    )
    coverage = PercentField(
        label="Takes part, %",
        max_value=100,
        help_text="Of those who are meant. More can be let in while it runs; nobody is moved.",
    )
    layer_share = PercentField(
        label="Of the layer, %", max_value=100, help_text="How much of it it has for itself."
    )
    condition = ConditionField(
        label="Who is meant", required=False, help_text="Empty: everybody who sees the placement."
    )
    segments = SegmentKeysField(
        label="Told apart",
        help_text="Segments that effects are also told of on their own, at most 20.",
    )
    mde_relative = PercentField(
        label="Least change worth finding, %",
        required=False,
        help_text="Relative: 5 is from 10 % to 10.5 %. The smaller, the longer it takes.",
    )
    stops_for = forms.MultipleChoiceField(
        label="Stops for",
        required=False,
        choices=Cause.choices,
        widget=forms.CheckboxSelectMultiple,
    )
    alpha = PercentField(label="False alarms, %", help_text="5 is usual: one in twenty.")
    power = PercentField(label="Chance to find it, %", help_text="80 is usual.")

    class Meta:
        model = Experiment
        fields = (
            "placement", "name", "key", "hypothesis", "kind", "factors", "coverage", "layer",
            "layer_share", "condition", "segments", "looking", "looks", "alpha", "power",
            "baseline", "mde_relative", "per_arm", "min_days", "stops_for", "stop_least",
            *(name for name in BANDITS if name in _OWN),
        )  # fmt: skip
        labels = {
            "per_arm": "Participants in each arm",
            "min_days": "Least time, days",
            "looking": "When it is looked at",
            "looks": "Planned looks",
        }
        widgets = {"hypothesis": forms.Textarea(attrs={"rows": 3, "cols": 70})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        experiment = self.instance
        # Fields of our own do not know what the columns begin with.
        for name in ("coverage", "layer_share", "alpha", "power", "stops_for"):
            if experiment._state.adding and name in self.fields:
                self.initial.setdefault(name, getattr(experiment, name))
        if "placement" in self.fields:
            self.fields["placement"].widget = forms.HiddenInput()
            self._take_site()
        layer = self.fields.get("layer")
        if isinstance(layer, forms.ModelChoiceField):
            layer.queryset = Layer.objects.filter(site_id=experiment.site_id, archived_at=None)
            layer.empty_label = "none: it runs beside all others"
        told = self.fields.get("segments")
        if isinstance(told, SegmentKeysField):
            told.at_keys(experiment.site_id, list(experiment.segments or []))

    def _take_site(self) -> None:
        """A new one is of the site of its placement."""
        given = self.data.get("placement") if self.is_bound else self.initial.get("placement")
        rows: Any = getattr(self.fields["placement"], "queryset", None)
        if rows is None or not given or not self.instance._state.adding:
            return
        try:
            placement = rows.filter(pk=getattr(given, "pk", given), archived_at=None).first()
        except ValidationError:
            return
        if placement is not None:
            self.instance.site_id = placement.site_id
            self.instance.placement = placement

    def clean_key(self) -> str:
        """One experiment of a site has a key."""
        key = str(self.cleaned_data["key"])
        others = Experiment.objects.filter(site_id=self.instance.site_id, key=key)
        if others.exclude(pk=self.instance.pk).exists():
            raise ValidationError("An experiment of this site has this key already.")
        return key

    def clean_condition(self) -> Any:
        """Everybody is no condition."""
        condition = self.cleaned_data["condition"]
        if not condition or condition.get("where") == EVERYBODY:
            return None
        return condition

    def clean_mde_relative(self) -> float | None:
        found = self.cleaned_data["mde_relative"]
        if found is not None and found <= 0:
            raise ValidationError("More than nothing, such as 5.")
        return None if found is None else float(found)

    def clean_baseline(self) -> float | None:
        found = self.cleaned_data["baseline"]
        if found is not None and found <= 0:
            raise ValidationError("A baseline of nothing cannot be changed relatively.")
        return None if found is None else float(found)

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        for name in ("coverage", "layer_share"):
            if data.get(name) is not None and not 0 < data[name] <= 1:
                self.add_error(name, "More than 0 and at most 100.")
        kind, kinds = data.get("kind", self.instance.kind), Experiment.Kind
        if kind == kinds.FACTORIAL and "factors" in data and len(data["factors"]) < 2:
            self.add_error("factors", "A factorial needs two factors at least, one a line.")
        return data
