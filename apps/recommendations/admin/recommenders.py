"""Recommenders: their list, the form in words, and the page of one."""

from typing import Any
from urllib.parse import parse_qs

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from apps.access.selectors import only_site
from apps.recommendations import services
from apps.recommendations.admin import deciding, shown
from apps.recommendations.admin.forms import RecommenderForm
from apps.recommendations.admin.rows import share_of
from apps.recommendations.models import Recommender
from apps.work import clock

FIELDSETS: Any = [
    (
        "1. What it is",
        {
            "fields": ["site", "name", "key", "kind", "purpose", "is_enabled"],
            "description": "“The best of them” tries every method on days that none has learned "
            "from, each night, and lets the best one serve.",
        },
    ),
    (
        "2. What it learns from",
        {
            "fields": ["event_name", "weights", "window_days", "half_life_days"],
            "description": "Only people who allow what it is for are learned from.",
        },
    ),
    (
        "3. What it never shows",
        {
            "fields": ["leaves_current_out", "leaves_seen_out", "bought_event", "bought_days",
                       "rules"],
            "description": "A list is rather short than filled with one of these. What the "
            "catalogue says is not available, or of which none is left, is never shown.",
        },
    ),
    (
        "4. How lists look",
        {
            "fields": ["diversity", "exploration", "per_person"],
            "description": "Diversity and chance cost some accuracy; the trial says how much.",
        },
    ),
]  # fmt: skip


@admin.register(Recommender)
class RecommenderAdmin(admin.ModelAdmin[Recommender]):
    """What is learned for recommendations blocks. The key is what a block names."""

    form = RecommenderForm
    change_form_template = "admin/recommendations/recommender.html"
    list_display = ["name", "key", "site", "kind", "serves", "trained", "hits", "popular_hits",
                    "is_enabled"]  # fmt: skip
    list_filter = ["site", "kind", "is_enabled"]
    list_select_related = ["site", "active"]
    search_fields = ["name", "key"]
    ordering = ["site__name", "name"]
    actions = ["train"]
    fieldsets = FIELDSETS

    def get_urls(self) -> list[URLPattern]:
        """With the doors for decisions, and for a look at what a person would see."""
        view = self.admin_site.admin_view
        name = "recommendations_recommender"
        return [
            path("<uuid:recommender_id>/decide/", view(deciding.decide), name=f"{name}_decide"),
            path("<uuid:recommender_id>/look/", view(deciding.look), name=f"{name}_look"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Recommender | None = None) -> Any:
        """The steps; whoever may only look sees the fields of the row."""
        if obj is None or self.has_change_permission(request, obj):
            return FIELDSETS
        own = {field.name for field in Recommender._meta.get_fields()} - {"weights"}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name in own]})
            for title, options in FIELDSETS
        ]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The form as it is declared: not every field of it is one of the row."""
        kept = self.get_readonly_fields(request, obj)
        kwargs["fields"] = [name for name in RecommenderForm.Meta.fields if name not in kept]
        form: Any = super().get_form(request, obj, change, **kwargs)
        if "site" in form.base_fields:  # sites are chosen here, and made elsewhere
            wrapper = form.base_fields["site"].widget
            for what in ("add", "change", "delete", "view"):
                setattr(wrapper, f"can_{what}_related", False)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one begins with the site that its list showed, or with the only one."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        initial.setdefault("kind", Recommender.Kind.AUTO)
        filtered = parse_qs(request.GET.get("_changelist_filters", "")).get("site__id__exact")
        site = filtered[0] if filtered else only_site()
        return initial if site is None or initial.get("site") else initial | {"site": site}

    def get_readonly_fields(
        self, request: HttpRequest, obj: Recommender | None = None
    ) -> list[str]:
        """The site and the key stay what they were: blocks know them."""
        return ["site", "key"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Recommender | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With what serves, the trial and the versions above the form."""
        recommender = kwargs.get("obj")
        if recommender is not None:
            context |= shown.of_recommender(request, recommender, clock.now())
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Recommender, *args: Any, **kw: Any) -> Any:
        """Lead to the recommender's page: training is the next step there."""
        asked: Any = request
        asked.POST = request.POST.copy()
        asked.POST["_continue"] = "1"
        return super().response_add(request, obj, *args, **kw)

    @admin.display(description="Serves")
    def serves(self, recommender: Recommender) -> str:
        """By which method."""
        if recommender.active is None:
            return "nothing yet"
        return shown.METHODS.get(recommender.active.method, recommender.active.method)

    @admin.display(description="Last trained", ordering="active__trained_at")
    def trained(self, recommender: Recommender) -> str:
        """How fresh the lists are that serve now."""
        if recommender.active is None:
            return "never: it serves nothing yet"
        return date_format(localtime(recommender.active.trained_at), "DATETIME_FORMAT")

    @admin.display(description="Hits among ten")
    def hits(self, recommender: Recommender) -> str:
        """How often the next item was among the first ten, on days that training did not see."""
        return share_of(recommender.active, "hits_at_10")

    @admin.display(description="The most popular ten")
    def popular_hits(self, recommender: Recommender) -> str:
        """The same figure when everyone is shown the same."""
        return share_of(recommender.active, "hits_at_10_popular")

    @admin.action(description="Train now", permissions=["change"])
    def train(self, request: HttpRequest, queryset: QuerySet[Recommender]) -> None:
        """Ask a worker to train; the message leads to its progress."""
        for recommender in queryset:
            intent_id = services.ask_training(recommender=recommender, now=clock.now())
            said = format_html(
                '{}: training was asked for. <a href="{}">See its progress</a>',
                recommender.name,
                reverse("admin:work_intent_change", args=[intent_id]),
            )
            self.message_user(request, said, messages.SUCCESS)
