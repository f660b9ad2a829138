"""Metrics: what they measure in words, and how often their event came lately."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse

from apps.access import small_cells
from apps.experiments.admin.base import DesignAdmin
from apps.experiments.admin.words import metric_words
from apps.experiments.designing import METRIC_SETTLED, judges_now
from apps.experiments.event_reads import DAYS, Lately, event_names, lately
from apps.experiments.models import Metric
from apps.work import clock


class MetricForm(forms.ModelForm[Metric]):
    """A metric; what cannot be measured is refused beside the field."""

    class Meta:
        model = Metric
        fields = ("site", "name", "key", *METRIC_SETTLED)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("event", "per_event"):
            if name in self.fields:
                self.fields[name].widget.attrs["list"] = "event-names"
                self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        said = {name: data.get(name, getattr(self.instance, name)) for name in METRIC_SETTLED}
        kind, of = said["kind"], Metric.Of
        for own, name in (("of", "property"), ("per_of", "per_property")):
            is_read = (own == "of" and kind in (
                Metric.Kind.MEAN, Metric.Kind.RATIO, Metric.Kind.QUANTILE
            )) or (own == "per_of" and kind == Metric.Kind.RATIO)  # fmt: skip
            if is_read and said[own] == of.PROPERTY and not said[name]:
                self.say(name, "Name the property of the event that is added up.")
        if kind == Metric.Kind.RATIO and not said["per_event"]:
            self.say("per_event", "Name the event that the first sum is divided by.")
        if kind == Metric.Kind.QUANTILE and said["of"] == of.COUNT:
            self.say("of", "A quantile is of values or of a property: events all count one.")
        window, after = said["window_hours"] or 0, said["after_hours"] or 0
        if kind == Metric.Kind.RETENTION and not after:
            self.say("after_hours", "Say from when on it is a coming back: 24 is after a day.")
        if after and window and after >= window:
            self.say("after_hours", "It has to begin before the window ends.")
        if said["most"] is not None and said["most"] <= 0:
            self.say("most", "The most that one participant can count is above zero.")
        currency = str(said["currency"] or "")
        if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            self.say("currency", "Three letters, such as EUR.")
        elif "currency" in data:
            data["currency"] = currency.upper()
        return data

    def say(self, name: str, words: str) -> None:
        """Refuse a field, or the form where the field is not on it."""
        if name not in self.errors:
            self.add_error(name if name in self.fields else None, ValidationError(words))


@admin.register(Metric)
class MetricAdmin(DesignAdmin[Metric]):
    """Metrics. What running experiments are judged by does not change under them."""

    form = MetricForm
    change_form_template = "admin/experiments/metric.html"
    add_form_template = "admin/experiments/metric.html"
    list_display = ("name", "words", "used", "key", "site")
    list_filter = ("site", "kind")
    search_fields = ("name", "key", "event")
    ordering = ("site__name", "name")
    empty_words = (
        "A metric is what an experiment is judged by: the share of visitors who order, what each "
        "of them spends, who comes back. Choose an event that your site sends."
    )
    add_words = "Add the first metric"
    fieldsets = (
        ("What is measured", {"fields": ["name", "key", "site", "kind", "event", "direction"]}),
        (
            "Of values",
            {
                "fields": [("of", "property"), "currency", "most", "quantile"],
                "description": "Of averages, ratios and quantiles. A share only asks whether the "
                "event came.",
            },
        ),
        (
            "Divided by",
            {"fields": ["per_event", ("per_of", "per_property")], "description": "Of a ratio."},
        ),
        ("When it counts", {"fields": ["window_hours", "after_hours"]}),
        (
            "As a guardrail",
            {
                "fields": ["stands_for"],
                "description": "What is said when it stops an arm by itself.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Metric]:
        """With how many experiments are judged by each."""
        rows: QuerySet[Metric] = super().get_queryset(request)
        going = judges_now(clock.now())
        return rows.annotate(
            experiments=Count("goals__experiment", distinct=True),
            going=Count("goals__experiment", filter=going, distinct=True),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Metric | None = None) -> Any:
        """Nothing that figures are still worked out of changes silently."""
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, *METRIC_SETTLED] if obj is not None and _going(obj) else fixed

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With the names of the site's events, and what the metric says now."""
        metric: Metric | None = kwargs.get("obj")
        found = None if metric is None else lately(metric, clock.now())
        site = metric.site_id if metric is not None else _site_of(context)
        context |= {
            "event_names": event_names(site),
            "words": None if metric is None else metric_words(metric),
            "lately": found,
            "lately_words": "" if metric is None else lately_words(metric, found),
            "bars": bars(found),
            "going": 0 if metric is None else _going(metric),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="What it measures")
    def words(self, metric: Metric) -> str:
        return metric_words(metric)

    @admin.display(description="Experiments", ordering="experiments")
    def used(self, metric: Metric) -> str:
        """How many are judged by it."""
        going = _going(metric)
        count = getattr(metric, "experiments", 0)
        return (
            f"{count}, {going} of them going or ended lately" if going else str(count or "none yet")
        )


def _going(metric: Metric) -> int:
    return int(getattr(metric, "going", 0))


def _site_of(context: dict[str, Any]) -> Any:
    form = context["adminform"].form
    given = form.data.get("site") if form.is_bound else form.initial.get("site")
    return getattr(given, "pk", given) or None


def lately_words(metric: Metric, found: Lately | None) -> str:
    """Return what the last 28 days say of a metric."""
    if found is None:
        return "The site has too many events to count them while you wait."
    event = f"“{metric.event}”" if metric.event else "Any event"
    if not found.events:
        return (
            f"{event} has not come once in the last {DAYS} days from people who allow experiments: "
            "is it really called so?"
        )
    said = f"{event} came {found.events:,} times in the last {DAYS} days"
    if (people := small_cells.told(found.people)) is not None:
        said += f", from {people:,} people: {found.events / found.people:.2f} of each"
    left = found.events - found.usable
    is_share = metric.kind in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
    if not is_share and metric.of != Metric.Of.COUNT and found.mean is not None:
        said += f". On average {found.mean:,.4g}"
        said += f" {metric.currency}" if metric.currency else ""
    if left:
        said += f". {left:,} do not count: another currency, or not the number that is asked for"
    return said + "."


def bars(found: Lately | None) -> list[tuple[float, float, str]]:
    """Return a small picture of the days: (x, height, words), of 28 columns and 40 units high."""
    if found is None or not found.days:
        return []
    most = max(count for _, count in found.days)
    last = clock.now().date()
    return [
        (
            (DAYS - 1 - (last - day).days) * 10.0,
            round(40 * count / most, 1),
            f"{day:%d %b}: {count:,}",
        )
        for day, count in found.days
        if (last - day).days < DAYS
    ]
