"""Recommenders in the admin: what they have learned, how well and when; and the items."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from apps.recommendations import services
from apps.recommendations.models import Item, ItemList, Recommender, RecommenderVersion
from apps.work import clock

SHOWN = 10  # items of a list


class _ReadOnly(admin.ModelAdmin[Any]):
    """Rows that training writes and people look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Training itself lets old versions go."""
        return False


@admin.register(Recommender)
class RecommenderAdmin(admin.ModelAdmin[Recommender]):
    """What is learned for recommendations blocks. The key is what a block names."""

    list_display = ["name", "key", "site", "kind", "is_enabled", "trained", "hits", "popular_hits"]
    list_filter = ["site", "kind", "is_enabled"]
    list_select_related = ["site", "active"]
    search_fields = ["name", "key"]
    ordering = ["site__name", "name"]
    actions = ["train"]
    readonly_fields = ["trained", "learned_from", "hits", "popular_hits", "popular", "progress"]
    fieldsets = [
        (None, {"fields": ["site", "key", "name", "kind", "event_name", "window_days"]}),
        (None, {"fields": ["is_enabled", "purpose"]}),
        (
            "What serves now",
            {"fields": ["trained", "learned_from", "hits", "popular_hits", "popular", "progress"]},
        ),
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Recommender | None = None
    ) -> list[str]:
        """The site and the key stay what they were: blocks know them."""
        return [*self.readonly_fields, "site", "key"] if obj else list(self.readonly_fields)

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Recommender | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"key": ["name"]}

    @admin.display(description="Last trained", ordering="active__trained_at")
    def trained(self, recommender: Recommender) -> str:
        """How fresh the lists are that serve now."""
        if recommender.active is None:
            return "never: it serves nothing yet"
        return _when(recommender.active)

    @admin.display(description="Hits among ten")
    def hits(self, recommender: Recommender) -> str:
        """How often the next item was among the first ten, on a day that training did not see."""
        return _share(recommender.active, "hits_at_10")

    @admin.display(description="The most popular ten")
    def popular_hits(self, recommender: Recommender) -> str:
        """The same figure when everyone is shown the same."""
        return _share(recommender.active, "hits_at_10_popular")

    @admin.display(description="Learned from")
    def learned_from(self, recommender: Recommender) -> str:
        """How much was seen, and in which time."""
        version = recommender.active
        if version is None:
            return "-"
        return (
            f"{version.views:,} views and {version.pairs:,} consecutive pairs, "
            f"{date_format(localtime(version.since))} to {date_format(localtime(version.until))}; "
            f"judged on {version.metrics.get('held_out_steps', 0):,} steps of the last day, "
            "by lists that had not seen it"
        )

    @admin.display(description="Most popular")
    def popular(self, recommender: Recommender) -> str:
        """What is shown to somebody without a past, and fills up short lists."""
        return _ranking(recommender.active.popular) if recommender.active is not None else "-"

    @admin.display(description="Trainings")
    def progress(self, recommender: Recommender) -> str:
        """Where the trainings asked for are shown with their progress."""
        if recommender._state.adding:
            return "-"
        page = reverse("admin:work_intent_changelist")
        return format_html(
            '<a href="{}?q={}">Progress and past trainings</a>', page, recommender.pk
        )

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


@admin.register(RecommenderVersion)
class RecommenderVersionAdmin(_ReadOnly):
    """One training: what it saw and how well it does."""

    list_display = ["recommender", "trained_at", "is_active", "views", "pairs", "lists", "hits"]
    list_filter = ["recommender__site", "recommender"]
    list_select_related = ["recommender"]
    ordering = ["-trained_at"]
    fields = ["recommender", "trained_at", "since", "until", "views", "pairs", "lists", "hits",
              "popular_hits", "most_popular", "digest"]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecommenderVersion]:
        """With the number of its lists."""
        versions: QuerySet[RecommenderVersion] = super().get_queryset(request)
        return versions.annotate(list_count=Count("lists"))

    @admin.display(description="Serves now", boolean=True)
    def is_active(self, version: RecommenderVersion) -> bool:
        return version.recommender.active_id == version.pk

    @admin.display(description="Lists", ordering="list_count")
    def lists(self, version: RecommenderVersion) -> str:
        return f"{version.list_count:,}"  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="Hits among ten")
    def hits(self, version: RecommenderVersion) -> str:
        return _share(version, "hits_at_10")

    @admin.display(description="The most popular ten")
    def popular_hits(self, version: RecommenderVersion) -> str:
        return _share(version, "hits_at_10_popular")

    @admin.display(description="Most popular")
    def most_popular(self, version: RecommenderVersion) -> str:
        return _ranking(version.popular)


@admin.register(ItemList)
class ItemListAdmin(_ReadOnly):
    """What follows an item, in the version that serves now."""

    list_display = ["item", "recommender", "first"]
    list_filter = ["version__recommender"]
    list_select_related = ["version__recommender"]
    search_fields = ["=item"]
    ordering = ["version__recommender", "id"]
    fields = ["recommender", "item", "first"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ItemList]:
        """Older versions' lists are kept for a short while, and shown to nobody."""
        return super().get_queryset(request).filter(version__active_for__isnull=False)

    @admin.display(description="Recommender")
    def recommender(self, row: ItemList) -> str:
        return row.version.recommender.name

    @admin.display(description="Followed by")
    def first(self, row: ItemList) -> str:
        return _ranking(row.ranked)


@admin.register(Item)
class ItemAdmin(_ReadOnly):
    """What is in the shop, as events last described it."""

    list_display = ["code", "name", "category", "price", "seen_at", "site"]
    list_filter = ["site"]
    list_select_related = ["site"]
    search_fields = ["code", "name", "category"]
    ordering = ["site__name", "code"]


def _when(version: RecommenderVersion) -> str:
    age = clock.now() - version.trained_at
    hours = age.total_seconds() / 3600
    ago = f"{hours * 60:.0f} minutes" if hours < 1 else f"{hours:.0f} hours"
    if hours >= 48:
        ago = f"{age.days} days"
    return f"{date_format(localtime(version.trained_at), 'DATETIME_FORMAT')}, {ago} ago"


def _share(version: RecommenderVersion | None, key: str) -> str:
    share = None if version is None else version.metrics.get(key)
    return "-" if share is None else f"{share:.1%}"


def _ranking(ranked: list[tuple[str, float]]) -> str:
    pairs = ((code, f"{share:.1%}") for code, share in ranked[:SHOWN])
    return format_html_join(", ", "{} ({})", pairs) or "-"
