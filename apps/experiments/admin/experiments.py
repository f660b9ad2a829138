"""Experiments: their list, the form in steps, and what stands above it."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST

from apps.access import small_cells
from apps.experiments.admin import doors, shown, where
from apps.experiments.admin.arms import CHANGE, ArmInline, GoalInline
from apps.experiments.admin.base import DesignAdmin
from apps.experiments.admin.forms import BANDITS, STEPS, ExperimentForm
from apps.experiments.designing import SETTLED
from apps.experiments.duplicating import duplicate, make_combinations
from apps.experiments.models import Arm, Experiment, Result
from apps.work import clock

_State = Experiment.State
_BADGES = {"draft": "info", "running": "ok", "paused": "warn", "concluded": "quiet"}


class StandingFilter(admin.ChoicesFieldListFilter):
    """Where experiments are; another filter beside it tells what is archived by its state."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "Standing"


@admin.register(Experiment)
class ExperimentAdmin(DesignAdmin[Experiment]):
    """Designs. Nothing here changes what visitors see: pages of their own begin and end them."""

    form = ExperimentForm
    inlines = (ArmInline, GoalInline)
    change_form_template = "admin/experiments/experiment.html"
    add_form_template = "admin/experiments/experiment.html"
    list_display = ("name", "standing", "placement", "participants", "verdict", "progress", "site")
    list_filter = ("site", ("state", StandingFilter), "kind")
    list_select_related: ClassVar[Any] = ("site", "placement")
    search_fields = ("name", "key", "hypothesis", "placement__key", "placement__name")
    ordering = ("-created_at",)
    empty_words = (
        "An experiment shows some visitors one variant and some another, and finds out by chance "
        "alone which one works. Choose a placement, two variants, and a metric that decides."
    )
    add_words = "Design the first one"

    class Media:
        css = {"all": ("admin-attune/experiments/design.css",)}

    def get_urls(self) -> list[URLPattern]:
        """With the doors of the form, and the copy of a design."""
        view, name = self.admin_site.admin_view, "experiments_experiment"
        return [
            path("editor/schema/", view(doors.schema), name=f"{name}_schema"),
            path("editor/live/", view(doors.live), name=f"{name}_live"),
            path("power/", view(doors.power), name=f"{name}_power"),
            path("<uuid:experiment_id>/copy/", view(copy), name=f"{name}_copy"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Experiment]:
        """With what the newest result says: no statement a row."""
        newest = Result.objects.filter(phase__experiment=OuterRef("pk")).order_by("-phase__number")
        rows: QuerySet[Experiment] = super().get_queryset(request)
        return rows.annotate(
            people=Subquery(newest.values(found=KT("document__participants"))[:1]),
            days=Subquery(newest.values(found=KT("document__days"))[:1]),
            said=Subquery(newest.values(found=KT("document__verdict__words"))[:1]),
            arm_count=Count("arms"),
        )

    # The form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """First where, then the form: the variants to choose from are those of the placement."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "GET" and not request.GET.get("placement"):
            return where.choose(request, self.admin_site.each_context(request))
        return super().add_view(request, form_url, extra_context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The placement that was chosen; the site is its own."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        placement = where.placement_of(request, request.GET.get("placement"))
        if placement is None:
            return initial
        return initial | {"placement": placement.pk, "site": placement.site_id}

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Experiment, inline: Any, prefix: str
    ) -> dict[str, Any]:
        """A new one begins with two variants of the block, even shares and one goal to choose."""
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        made: Any = obj  # not yet of a placement
        if made.placement_id is None:
            asked = request.POST.get("placement") or request.GET.get("placement")
            placement = where.placement_of(request, asked)
            if placement is not None:
                made.placement, made.site_id = placement, placement.site_id
        if obj._state.adding and request.method == "GET":
            given["initial"] = where.first_rows(obj, prefix)
        return given

    def get_inline_formsets(
        self, request: HttpRequest, formsets: Any, inline_instances: Any, obj: Any = None
    ) -> Any:
        """The rows that were proposed are shown, not only possible."""
        for formset in formsets:
            if formset.initial_extra:
                formset.extra = len(formset.initial_extra)
                formset.__dict__.pop("forms", None)
        return super().get_inline_formsets(request, formsets, inline_instances, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        """The steps; what a bandit alone reads is with bandits, learnings with what is over."""
        own = {field.name for field in Experiment._meta.get_fields()}
        has_begun = obj is not None and obj.state != _State.DRAFT
        if has_begun:  # what cannot be changed is not told as it is kept, and only if there is any
            own -= {"factors"}
        steps = [
            (title, {**options, "fields": [one for one in options["fields"] if one in own]})
            for title, options in STEPS
        ]
        if obj is not None and has_begun and obj.kind == Experiment.Kind.FACTORIAL:
            steps[0][1]["fields"].append("factor_words")
        is_bandit = obj is None or obj.kind == Experiment.Kind.BANDIT
        steps = [one for one in steps if one[1]["fields"] and (is_bandit or one[0] != "A bandit")]
        if obj is not None and obj.state == _State.CONCLUDED:
            steps.append(("What was learned", {"fields": ["learnings"]}))
        return steps

    def get_readonly_fields(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        """What a started experiment is judged by stays; what is over is only looked at."""
        if obj is None:
            return []
        own = {field.name for field in Experiment._meta.get_fields()}
        match obj.state:
            case _State.DRAFT:
                return ["placement"]
            case _State.CONCLUDED:
                asked = [name for _, options in STEPS for name in options["fields"]]
                found = [name for name in asked if name in own and name not in ("name",)]
                return [*found, "factor_words"]
        return [*SETTLED, "factor_words"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        fixed = self.get_readonly_fields(request, obj)
        learned = ["learnings"] if obj is not None and obj.state == _State.CONCLUDED else []
        kept = [name for name in ExperimentForm.Meta.fields if name not in fixed]
        kwargs["fields"] = [*kept, *learned]
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        layer = form.base_fields.get("layer")
        for what in ("change", "delete", "view"):
            if layer is not None:
                setattr(layer.widget, f"can_{what}_related", False)
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what runs, what lacks, and what it takes."""
        experiment: Experiment | None = kwargs.get("obj")
        if experiment is not None:
            context |= shown.of_experiment(request, experiment)
        else:
            asked = request.POST.get("placement") or request.GET.get("placement")
            context["placement"] = where.placement_of(request, asked)
        context["bandit_fields"] = BANDITS
        return super().render_change_form(request, context, *args, **kwargs)

    # Saving

    def save_model(self, request: HttpRequest, obj: Experiment, form: Any, change: bool) -> None:
        """Note who made it."""
        if not change:
            obj.created_at, obj.created_by_id = clock.now(), request.user.pk
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """New arms get the next numbers: shares are dealt in this order."""
        if formset.model is Arm:
            last = max(form.instance.arms.values_list("number", flat=True), default=-1)
            for row in formset.forms:
                if row.instance._state.adding and row.has_changed():
                    last += 1
                    row.instance.number = last
        super().save_formset(request, form, formset, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A factorial gets an arm for each combination; a size that was not given is worked out."""
        super().save_related(request, form, formsets, change)
        experiment: Experiment = form.instance
        if experiment.state != _State.DRAFT:
            return
        if experiment.kind == Experiment.Kind.FACTORIAL and experiment.factors:
            made = make_combinations(experiment)
            if made:
                said = f"{made} arms were made, one a combination: choose what each shows."
                messages.info(request, said)
        if experiment.mde_relative and experiment.per_arm is None:
            doors.plan_size(request, experiment)

    def response_add(self, request: HttpRequest, obj: Experiment, *args: Any, **kw: Any) -> Any:
        """Lead to its page: what lacks, and the start, stand there."""
        if "_addanother" in request.POST:
            return super().response_add(request, obj, *args, **kw)
        asked: Any = request
        asked.POST = request.POST.copy()
        asked.POST["_continue"] = "1"
        return super().response_add(request, obj, *args, **kw)

    # Columns

    @admin.display(description="Factors")
    def factor_words(self, experiment: Experiment) -> str:
        """The factors of a factorial with their levels, one a line."""
        rows = [
            (f"{one['key']}: {', '.join(map(str, one['levels']))}",) for one in experiment.factors
        ]
        return format_html_join("", "<div>{}</div>", rows)

    @admin.display(description="State", ordering="state")
    def standing(self, experiment: Experiment) -> str:
        """Where it is, with its phase."""
        more = f", phase {experiment.phase}" if experiment.phase > 1 else ""
        return format_html(
            '<span class="badge is-{}">{}</span>{}',
            _BADGES.get(experiment.state, "info"),
            experiment.get_state_display().lower(),
            more,
        )

    @admin.display(description="Participants")
    def participants(self, experiment: Experiment) -> str:
        people = getattr(experiment, "people", None)
        return "-" if people is None else small_cells.words(int(people))

    @admin.display(description="What it says")
    def verdict(self, experiment: Experiment) -> str:
        """The verdict of its newest result, in a sentence."""
        said = getattr(experiment, "said", None)
        if said is None:
            return "not begun" if experiment.state == _State.DRAFT else "nothing yet"
        page = reverse("admin:experiment_results", args=[experiment.pk])
        return format_html('<a href="{}">{}</a>', page, said)

    @admin.display(description="How far")
    def progress(self, experiment: Experiment) -> str:
        """Days, and of the planned size how much."""
        if not experiment.phase:
            return "-"
        days = int(getattr(experiment, "days", None) or 0)
        said = "1 day" if days == 1 else f"{days} days"
        people = int(getattr(experiment, "people", None) or 0)
        if experiment.per_arm:
            arms = max(1, getattr(experiment, "arm_count", 0) or 2)
            said += f", {min(1.0, people / (experiment.per_arm * arms)):.0%} of the planned size"
        return said


@require_POST
def copy(request: HttpRequest, experiment_id: UUID) -> HttpResponse:
    """/admin/experiments/experiment/<id>/copy/: the same again, as a draft."""
    if not request.user.has_perm("experiments.add_experiment") or not request.user.has_perm(CHANGE):
        raise PermissionDenied
    experiment = get_object_or_404(where.own_experiments(request), pk=experiment_id)
    user: Any = request.user
    made = duplicate(experiment_id=experiment.pk, actor=user, now=clock.now())
    messages.success(request, f"“{made.name}” is a copy of it: ask your new question.")
    return redirect("admin:experiments_experiment_change", made.pk)
