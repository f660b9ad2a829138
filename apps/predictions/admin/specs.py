"""Questions: their list, the form in steps, and the page of one with what serves and what waits."""

from typing import Any
from urllib.parse import parse_qs

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from apps.access.selectors import only_site
from apps.predictions import services
from apps.predictions.admin import deciding, explained, shown
from apps.predictions.admin.forms import KNOB, ModelSpecForm, knobs, unread
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.work import clock

STEPS: list[tuple[str, dict[str, Any]]] = [
    (
        "1. What to foresee",
        {
            "fields": ["name", "key", "kind", "target_event", "category", "categories",
                       "horizon_hours"],
            "description": "One question about every visitor. Its answer becomes a trait that "
            "segments, rules and templates read.",
        },
    ),
    (
        "2. Who",
        {
            "fields": ["site", "active_days", "purpose"],
            "description": "Only visitors who were here lately and allow what it is for are "
            "learned from and foreseen.",
        },
    ),
    (
        "3. What it may look at",
        {
            "fields": ["features", "more_features", "vouched"],
            "description": "What does not help does no harm: choose only where you have a reason.",
        },
    ),
    (
        "4. How it learns",
        {
            "fields": ["method", "search", "trials", "retrain"],
            "description": "Boosted trees as they are set do well nearly everywhere. A search "
            "tries settings on a time that does not judge; it takes so many times longer.",
        },
    ),
    (
        "5. What acting costs",
        {
            "fields": ["gain", "cost", "threshold", "hysteresis"],
            "description": "With what it costs to reach somebody and what that is worth, the page "
            "proposes from which probability on it pays.",
        },
    ),
    (
        "6. Fairness and use",
        {
            "fields": ["audited_trait", "mitigation", "serves_online", "is_enabled"],
            "description": "No version serves before somebody has said yes to it.",
        },
    ),
    (
        "Fine-tuning",
        {
            "classes": ["collapse"],
            "fields": ["window_days", "moments", "embargo_hours", "knows_by", "seed",
                       *(KNOB + name for name, _ in knobs())],
        },
    ),
]  # fmt: skip


@admin.register(ModelSpec)
class ModelSpecAdmin(admin.ModelAdmin[ModelSpec]):
    """One question a model. It is disabled, never deleted: its scores are taken back then."""

    form = ModelSpecForm
    change_form_template = "admin/predictions/model.html"
    add_form_template = "admin/predictions/model_add.html"
    list_display = ["name", "site", "question", "serving", "scored", "last_run", "is_enabled"]
    list_filter = ["site", "kind", "is_enabled"]
    list_select_related = ["site"]
    search_fields = ["name", "key", "target_event"]
    ordering = ["site__name", "name"]
    actions = ["train", "score"]

    def get_urls(self) -> list[URLPattern]:
        """With the door for decisions, and why somebody's score is what it is."""
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:spec_id>/decide/",
                view(deciding.decide),
                name="predictions_modelspec_decide",
            ),
            path("<uuid:spec_id>/why/", view(explained.why), name="predictions_modelspec_why"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelSpec]:
        """With the champion, the newest runs and the number of scores: no statement a row."""
        champions = ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION)
        runs = TrainingRun.objects.order_by("spec", "-started_at").distinct("spec")
        of_spec = Score.objects.filter(spec=OuterRef("pk")).order_by().values("spec")
        people = of_spec.annotate(n=Count("profile", distinct=True)).values("n")
        specs: QuerySet[ModelSpec] = super().get_queryset(request)
        return specs.prefetch_related(
            Prefetch("versions", champions, "champions"), Prefetch("runs", runs, "newest_runs")
        ).annotate(score_count=Coalesce(Subquery(people), 0))

    def get_fieldsets(self, request: HttpRequest, obj: ModelSpec | None = None) -> Any:
        """The steps; whoever may only look sees them without what only a form asks."""
        if obj is None:
            return STEPS
        hidden = unread(obj.kind)
        if not self.has_change_permission(request, obj):
            own = {field.name for field in ModelSpec._meta.get_fields()}
            asked = {name for _, options in STEPS for name in options["fields"]}
            hidden |= asked - own
        steps = [
            (title, {**options, "fields": [one for one in options["fields"] if one not in hidden]})
            for title, options in STEPS
        ]
        # Steps lead through a new one; later they are headings.
        return [
            (title.partition(". ")[2] or title, options)
            for title, options in steps
            if options["fields"]
        ]

    def get_form(
        self, request: HttpRequest, obj: ModelSpec | None = None, change: bool = False, **kw: Any
    ) -> type[forms.ModelForm[ModelSpec]]:
        """The form as it is declared: it makes the fields of its knobs by itself."""
        fixed = self.get_readonly_fields(request, obj)
        kw["fields"] = [name for name in ModelSpecForm.Meta.fields if name not in fixed]
        return super().get_form(request, obj, change, **kw)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one begins with the site that its list showed, or with the only one."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        filtered = parse_qs(request.GET.get("_changelist_filters", "")).get("site__id__exact")
        site = filtered[0] if filtered else only_site()
        return initial if site is None or initial.get("site") else initial | {"site": site}

    def get_readonly_fields(self, request: HttpRequest, obj: ModelSpec | None = None) -> list[str]:
        """The site, the key and the kind stay what they were: conditions read the score by them."""
        return ["site", "key", "kind"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: ModelSpec | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: ModelSpec | None = None) -> bool:
        """Visitors' state rows hold its scores: disable it, and they are taken back."""
        return False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what serves, what waits and what runs above the form."""
        spec = kwargs.get("obj")
        if spec is not None:
            context |= shown.of_spec(request, spec, clock.now())
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ModelSpec, form: Any, change: bool) -> None:
        """Note when it was added; one disabled takes its scores back at once."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
        if change and "is_enabled" in form.changed_data:
            services.ask_scoring(spec=obj, now=clock.now())

    def response_add(
        self, request: HttpRequest, obj: ModelSpec, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the model's page: training is the next step there."""
        said = super().response_add(request, obj, post_url_continue)
        goes_on = "_addanother" in request.POST or "_popup" in request.POST
        return said if goes_on else redirect("admin:predictions_modelspec_change", obj.pk)

    @admin.display(description="Question")
    def question(self, spec: ModelSpec) -> str:
        """What it foresees, in words."""
        return shown.question(spec)

    @admin.display(description="Serves now")
    def serving(self, spec: ModelSpec) -> str:
        """The champion, with its most telling figure."""
        champions: list[ModelVersion] = getattr(spec, "champions", [])
        if not champions:
            return "nothing yet"
        (version,) = champions
        return format_html(
            '<a href="{}">version {}{}</a>',
            reverse("admin:predictions_modelversion_change", args=[version.pk]),
            version.number,
            shown.figure(version),
        )

    @admin.display(description="Visitors with a score", ordering="score_count")
    def scored(self, spec: ModelSpec) -> str:
        """How many profiles have a score now."""
        return f"{getattr(spec, 'score_count', 0):,}"

    @admin.display(description="Last training")
    def last_run(self, spec: ModelSpec) -> str:
        """What came of it."""
        runs: list[TrainingRun] = getattr(spec, "newest_runs", [])
        if not runs:
            return "never trained"
        (run,) = runs
        when = date_format(localtime(run.started_at), "DATETIME_FORMAT")
        return f"{when}: {run.outcome or run.get_state_display()}"

    @admin.action(description="Train now", permissions=["change"])
    def train(self, request: HttpRequest, queryset: QuerySet[ModelSpec]) -> None:
        """Ask a worker to train each; their pages show the progress."""
        for spec in queryset:
            services.ask_training(spec=spec, now=clock.now())
            page = reverse("admin:predictions_modelspec_change", args=[spec.pk])
            said = format_html(
                '{}: training was asked for. <a href="{}">See its progress</a>', spec.name, page
            )
            self.message_user(request, said)

    @admin.action(description="Bring the scores up to date", permissions=["change"])
    def score(self, request: HttpRequest, queryset: QuerySet[ModelSpec]) -> None:
        """Ask for the scheduled scoring now."""
        for spec in queryset:
            services.ask_scoring(spec=spec, now=clock.now())
        self.message_user(request, "The scores were asked for.")
