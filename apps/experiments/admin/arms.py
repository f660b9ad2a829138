"""Arms and goals as rows of an experiment's form."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.text import slugify

from apps.experiments.admin.changes_field import ChangesField
from apps.experiments.admin.fields import PercentField
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.work import clock

CHANGE = "experiments.change_experiment"
_State = Experiment.State


class ArmForm(forms.ModelForm[Arm]):
    """One arm: what it shows, and to which share."""

    weight = PercentField(
        label="Share, %", required=False, max_value=100, help_text="All empty: even shares."
    )

    changes = ChangesField(label="Or: what it changes")

    class Meta:
        model = Arm
        fields = ("name", "key", "variant", "changes", "weight", "is_control")
        widgets = {"name": forms.TextInput(attrs={"size": 24})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "key"):
            self.fields[name].required = False
        self.fields["key"].widget.attrs["size"] = 14

    def clean(self) -> dict[str, Any] | None:
        """Names and keys that were left out are those of the variant."""
        super().clean()
        data = self.cleaned_data
        variant = data.get("variant")
        if variant is not None and data.get("changes"):
            self.add_error("changes", "Show a variant, or change something: not both.")
        if variant is not None:
            data["name"] = data.get("name") or variant.name
            data["key"] = data.get("key") or variant.key
        elif data.get("name"):
            data["key"] = data.get("key") or slugify(str(data["name"]))[:100]
        for name in ("name", "key"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, ValidationError("Say it, or choose a variant."))
        return data

    def _get_validation_exclusions(self) -> set[str]:
        # Shares that are left out are filled in by the formset, before anything is saved.
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # no stub
        return {*found, "weight"}


class ArmFormSet(BaseInlineFormSet[Arm, Experiment, forms.ModelForm[Arm]]):
    """All arms: one control, shares of the sum 1."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Offer the variants of the block that fills the placement."""
        super().add_fields(form, index)
        variants: Any = form.fields["variant"]
        block_id = block_of(self.instance)
        variants.queryset = variants.queryset.filter(block_id=block_id, archived_at=None).order_by(
            "-is_default", "name"
        )
        variants.label_from_instance = _variant_label

    def clean(self) -> None:
        """Fill in what was left out, and refuse what no arms can be."""
        super().clean()
        if any(self.errors):
            return
        rows = [
            one for one in self.forms if one.cleaned_data and not one.cleaned_data.get("DELETE")
        ]
        controls = [one for one in rows if one.cleaned_data.get("is_control")]
        if len(controls) > 1:
            raise ValidationError("Only one arm is the control: untick the others.")
        if rows and not controls:
            rows[0].instance.is_control = True
        keys = [one.cleaned_data["key"] for one in rows]
        if len(keys) != len(set(keys)):
            raise ValidationError("Two arms have the same key: give one of them another.")
        _fill_shares(rows)


def _fill_shares(rows: list[Any]) -> None:
    """Give arms whose share was left out an even part of what the others leave."""
    empty = [one for one in rows if one.cleaned_data.get("weight") is None]
    given = sum(one.cleaned_data["weight"] for one in rows if one not in empty)
    if empty and given >= 1:
        raise ValidationError("The shares leave nothing for the arms without one.")
    for one in empty:
        one.instance.weight = (1 - given) / len(empty)


def _variant_label(variant: Any) -> str:
    return f"{variant.name} (default)" if variant.is_default else str(variant.name)


def block_of(experiment: Experiment) -> Any:
    """Return the id of the block that fills an experiment's placement, None where none does."""
    placement: Any = experiment.placement if experiment.placement_id else None
    return None if placement is None else placement.block_id


class _Rows:
    """Rows follow the permission of the experiment; what is over is only looked at."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("experiments.view_experiment")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE) and not _is_over(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE) and not _is_over(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE) and not _is_over(obj)


class ArmInline(_Rows, admin.TabularInline[Arm, Experiment]):
    """The arms of a design; what runs keeps those that it was started with."""

    model = Arm
    form = ArmForm
    formset = ArmFormSet
    verbose_name_plural = "Arms"
    ordering = ("number",)
    fields = ("name", "key", "variant", "changes", "levels_words", "weight", "is_control")
    readonly_fields = ("levels_words",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Levels are of factorials only."""
        is_factorial = obj is not None and obj.kind == Experiment.Kind.FACTORIAL
        found = [*super().get_fields(request, obj)]
        return found if is_factorial else [one for one in found if one != "levels_words"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        _without_pencils(formset.form, "variant")
        return formset

    @admin.display(description="Combination")
    def levels_words(self, arm: Arm) -> str:
        return ", ".join(f"{name}: {level}" for name, level in arm.levels.items()) or "-"


class GoalForm(forms.ModelForm[Goal]):
    """One metric, and what it decides."""

    margin = PercentField(
        label="Margin, %",
        required=False,
        max_value=100,
        help_text="Of a guardrail: how much worse is still accepted.",
    )

    class Meta:
        model = Goal
        fields = ("metric", "role", "margin")

    def clean(self) -> dict[str, Any] | None:
        """What a guardrail and a quantile need is said at once."""
        super().clean()
        data = self.cleaned_data
        metric, role = data.get("metric"), data.get("role")
        if role == Goal.Role.GUARDRAIL and not data.get("margin") and "margin" not in self.errors:
            self.add_error("margin", "Say how much worse it may get at the most, such as 5.")
        if metric is not None and metric.kind == Metric.Kind.QUANTILE and role != Goal.Role.WATCHED:
            self.add_error("role", "A quantile can be watched; it cannot decide.")
        return data


class GoalFormSet(BaseInlineFormSet[Goal, Experiment, forms.ModelForm[Goal]]):
    """The goals: those that a started experiment is judged by stay as they are."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Offer the metrics of the site, and lock what was there at the start."""
        super().add_fields(form, index)
        metrics: Any = form.fields["metric"]
        own = form.instance.metric_id
        rows = metrics.queryset.filter(site_id=self.instance.site_id)
        metrics.queryset = (rows.filter(archived_at=None) | rows.filter(pk=own)).order_by("name")
        is_going = self.instance.state in (_State.RUNNING, _State.PAUSED)
        if is_going and form.instance.pk and not form.instance._state.adding:
            for field in form.fields.values():
                field.disabled = True
        elif is_going:
            form.fields["role"].help_text = "Added after the start, it does not decide."

    def save_new(self, form: Any, commit: bool = True) -> Any:
        """Note when it was added: after the start it does not decide."""
        form.instance.added_at = clock.now()
        return super().save_new(form, commit)


class GoalInline(_Rows, admin.TabularInline[Goal, Experiment]):
    """By what an experiment is judged."""

    model = Goal
    form = GoalForm
    formset = GoalFormSet
    verbose_name_plural = "Goals"
    fields = ("metric", "role", "margin", "when")
    readonly_fields = ("when",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """When a goal was added matters once the experiment has begun."""
        has_begun = obj is not None and obj.phase > 0
        return self.fields if has_begun else self.fields[:-1]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What a started experiment is judged by stays."""
        return (obj is None or obj.state == _State.DRAFT) and super().has_delete_permission(
            request, obj
        )

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        _without_pencils(formset.form, "metric", keeps=("add",))
        return formset

    @admin.display(description="Since")
    def when(self, goal: Any) -> str:
        """Whether it decides: only what was there when the phase began does."""
        if goal.added_at is None:
            return "-"
        begun = goal.experiment.phases.order_by("-number").values_list("started_at", flat=True)[:1]
        is_late = any(goal.added_at > at for at in begun)
        return "added later: does not decide" if is_late else "the start"


def _is_over(experiment: Experiment | None) -> bool:
    return experiment is not None and experiment.state == _State.CONCLUDED


def _without_pencils(form: Any, name: str, keeps: tuple[str, ...] = ()) -> None:
    wrapper = form.base_fields[name].widget if name in form.base_fields else None
    for what in ("add", "change", "delete", "view"):
        if wrapper is not None and what not in keeps:
            setattr(wrapper, f"can_{what}_related", False)
