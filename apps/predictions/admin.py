"""Models in the admin: the question, what serves, every version's card, every training."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime

from apps.predictions import services
from apps.predictions.domain.card import hours_in_words, sentences
from apps.predictions.domain.feature_names import features_of
from apps.predictions.domain.hyperparameters import Hyperparameters
from apps.predictions.domain.plot import calibration_svg
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.work import clock
from engine.errors import PersonalizationError

_CARD = (
    "spec",
    "number",
    "state",
    "trained_at",
    "promoted_at",
    "card_in_words",
    "plot",
    "software",
    "rows_sha256",
    "artifact_sha256",
)


class ModelSpecForm(forms.ModelForm[ModelSpec]):
    """A model's question; what cannot be trained is refused with the reason."""

    class Meta:
        model = ModelSpec
        fields = [
            "site",
            "key",
            "name",
            "target_event",
            "horizon_hours",
            "is_enabled",
            "purpose",
            "window_days",
            "active_days",
            "moments",
            "feature_names",
            "hyperparameters",
            "seed",
        ]

    def clean_feature_names(self) -> list[str]:
        """Refuse a feature that nothing computes."""
        names = self.cleaned_data["feature_names"] or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError('A list of names, such as ["events", "count:Product Viewed"].')
        try:
            features_of(names)
        except PersonalizationError as refusal:
            raise ValidationError("%(refusal)s", params={"refusal": str(refusal)}) from refusal
        return names

    def clean_hyperparameters(self) -> dict[str, Any]:
        """Refuse what no trees can be grown with."""
        document = self.cleaned_data["hyperparameters"] or {}
        if not isinstance(document, dict):
            raise ValidationError('An object, such as {"trees": 300}.')
        try:
            Hyperparameters.of(document, seed=0)
        except PersonalizationError as refusal:
            raise ValidationError("%(refusal)s", params={"refusal": str(refusal)}) from refusal
        return document


@admin.register(ModelSpec)
class ModelSpecAdmin(admin.ModelAdmin[ModelSpec]):
    """One question a model. It is disabled, never deleted: its scores are taken back then."""

    form = ModelSpecForm
    list_display = ["name", "site", "question", "is_enabled", "serving", "scored", "last_run"]
    list_filter = ["site", "is_enabled"]
    list_select_related = ["site"]
    search_fields = ["name", "key", "target_event"]
    ordering = ["site__name", "name"]
    actions = ["train", "score"]
    readonly_fields = ["question", "serving", "scored", "last_run", "trainings"]
    fieldsets = [
        (None, {"fields": ["site", "key", "name", "target_event", "horizon_hours", "is_enabled"]}),
        ("What for", {"fields": ["purpose"]}),
        (
            "How it learns",
            {
                "fields": [
                    "window_days",
                    "active_days",
                    "moments",
                    "feature_names",
                    "hyperparameters",
                    "seed",
                ]
            },
        ),
        ("Now", {"fields": ["question", "serving", "scored", "last_run", "trainings"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelSpec]:
        """With the champion, the newest runs and the number of scores: no statement a row."""
        champions = ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION)
        runs = TrainingRun.objects.order_by("spec", "-started_at").distinct("spec")
        of_spec = Score.objects.filter(spec=OuterRef("pk")).order_by().values("spec")
        scores = of_spec.annotate(n=Count("*")).values("n")  # one for each visitor
        specs: QuerySet[ModelSpec] = super().get_queryset(request)
        return specs.prefetch_related(
            Prefetch("versions", champions, "champions"), Prefetch("runs", runs, "newest_runs")
        ).annotate(score_count=Coalesce(Subquery(scores), 0))

    def get_readonly_fields(self, request: HttpRequest, obj: ModelSpec | None = None) -> list[str]:
        """The site and the key stay what they were: conditions read the score by its key."""
        return [*self.readonly_fields, "site", "key"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: ModelSpec | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: ModelSpec | None = None) -> bool:
        """Visitors' state rows hold its scores: disable it, and they are taken back."""
        return False

    def save_model(self, request: HttpRequest, obj: ModelSpec, form: Any, change: bool) -> None:
        """Note when it was added; one disabled takes its scores back at once."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
        if change and "is_enabled" in form.changed_data:
            services.ask_scoring(spec=obj, now=clock.now())

    @admin.display(description="Question")
    def question(self, spec: ModelSpec) -> str:
        """What it foresees, in words."""
        if spec._state.adding:
            return "-"
        return f'"{spec.target_event}" within {hours_in_words(spec.horizon_hours)}'

    @admin.display(description="Serves now")
    def serving(self, spec: ModelSpec) -> str:
        """The champion, with its most telling figure."""
        champions: list[ModelVersion] = getattr(spec, "champions", [])
        if not champions:
            return "nothing: no version has beaten the plain rate yet"
        (version,) = champions
        return format_html(
            '<a href="{}">version {}</a> of {}, AUC {}',
            reverse("admin:predictions_modelversion_change", args=[version.pk]),
            version.number,
            date_format(localtime(version.trained_at), "DATETIME_FORMAT"),
            f"{version.card['auc']:.3f}",
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

    @admin.display(description="Trainings")
    def trainings(self, spec: ModelSpec) -> str:
        """Where those asked for are shown with their progress."""
        if spec._state.adding:
            return "-"
        page = reverse("admin:work_intent_changelist")
        return format_html('<a href="{}?q={}">Progress and past trainings</a>', page, spec.pk)

    @admin.action(description="Train now", permissions=["change"])
    def train(self, request: HttpRequest, queryset: QuerySet[ModelSpec]) -> None:
        """Ask a worker to train; the message leads to its progress."""
        for spec in queryset:
            intent_id = services.ask_training(spec=spec, now=clock.now())
            said = format_html(
                '{}: training was asked for. <a href="{}">See its progress</a>',
                spec.name,
                reverse("admin:work_intent_change", args=[intent_id]),
            )
            self.message_user(request, said, messages.SUCCESS)

    @admin.action(description="Bring the scores up to date", permissions=["change"])
    def score(self, request: HttpRequest, queryset: QuerySet[ModelSpec]) -> None:
        """Ask for the scheduled scoring now."""
        for spec in queryset:
            services.ask_scoring(spec=spec, now=clock.now())
        self.message_user(request, "The scores were asked for.", messages.SUCCESS)


class _ReadOnly(admin.ModelAdmin[Any]):
    """Rows that training writes and people look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lineage stays."""
        return False


@admin.register(ModelVersion)
class ModelVersionAdmin(_ReadOnly):
    """One trained model and its card."""

    list_display = ["spec", "number", "state", "trained_at", "auc", "log_loss", "base_log_loss"]
    list_filter = ["state", "spec__site", "spec"]
    list_select_related = ["spec"]
    ordering = ["-trained_at"]
    actions = ["serve"]
    # Nothing of a version is for editing.
    fields = [*_CARD]
    readonly_fields = [*_CARD]

    @admin.display(description="AUC")
    def auc(self, version: ModelVersion) -> str:
        return f"{version.card['auc']:.3f}"

    @admin.display(description="Log loss")
    def log_loss(self, version: ModelVersion) -> str:
        return f"{version.card['log_loss']:.4f}"

    @admin.display(description="Of the plain rate")
    def base_log_loss(self, version: ModelVersion) -> str:
        return f"{version.card['base_log_loss']:.4f}"

    @admin.display(description="Card")
    def card_in_words(self, version: ModelVersion) -> str:
        """What the model does and how far to trust it."""
        said = sentences(version.card, version.lineage, version.spec.trait)
        return format_html_join("", "<p><strong>{}.</strong> {}</p>", said)

    @admin.display(description="Calibration")
    def plot(self, version: ModelVersion) -> str:
        """Ten groups of visitors; on the dashed line a probability is what it says."""
        # Markup of our own, into which nothing but numbers is put.
        return mark_safe(calibration_svg(version.card["bins"]))  # nosec B308, B703

    @admin.display(description="Made with")
    def software(self, version: ModelVersion) -> str:
        return ", ".join(f"{name} {number}" for name, number in version.lineage["software"].items())

    @admin.display(description="Rows, SHA-256")
    def rows_sha256(self, version: ModelVersion) -> str:
        return str(version.lineage["rows_sha256"])

    @admin.action(description="Let this version serve", permissions=["change"])
    def serve(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """Go back to an earlier version, or take a candidate on one's own judgement."""
        versions = list(queryset)
        if len({version.spec_id for version in versions}) < len(versions):
            self.message_user(request, "Choose one version a model.", messages.ERROR)
            return
        for version in versions:
            services.promote(version=version, now=clock.now())
            self.message_user(request, f"{version} serves now.", messages.SUCCESS)


@admin.register(TrainingRun)
class TrainingRunAdmin(_ReadOnly):
    """What came of each training."""

    list_display = ["spec", "started_at", "state", "outcome", "rows", "positives", "version"]
    list_filter = ["state", "spec__site", "spec"]
    list_select_related = ["spec", "version__spec"]
    ordering = ["-started_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False
