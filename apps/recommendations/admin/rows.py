"""What training writes, to be looked at: versions, lists, items."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from apps.recommendations.domain.shelf import ALS
from apps.recommendations.models import Item, ItemList, RecommenderVersion

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


@admin.register(RecommenderVersion)
class RecommenderVersionAdmin(_ReadOnly):
    """One training: what it saw and how well it does."""

    list_display = [
        "recommender",
        "trained_at",
        "state",
        "method",
        "views",
        "pairs",
        "lists",
        "hits",
    ]
    list_filter = ["recommender__site", "recommender", "state", "method"]
    list_select_related = ["recommender"]
    ordering = ["-trained_at"]
    fields = ["recommender", "trained_at", "state", "method", "outcome", "since", "until", "views",
              "pairs", "lists", "hits", "popular_hits", "most_popular", "approved_by",
              "settings_used", "data_sha256", "digest"]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecommenderVersion]:
        """With the number of its lists."""
        versions: QuerySet[RecommenderVersion] = super().get_queryset(request)
        return versions.annotate(list_count=Count("lists"))

    @admin.display(description="Lists", ordering="list_count")
    def lists(self, version: RecommenderVersion) -> str:
        return f"{version.list_count:,}"  # type: ignore[attr-defined]  # annotated above

    @admin.display(description="Hits among ten")
    def hits(self, version: RecommenderVersion) -> str:
        return share_of(version, "hits_at_10")

    @admin.display(description="The most popular ten")
    def popular_hits(self, version: RecommenderVersion) -> str:
        return share_of(version, "hits_at_10_popular")

    @admin.display(description="Most popular")
    def most_popular(self, version: RecommenderVersion) -> str:
        return ranking(version.popular)

    @admin.display(description="Learned with")
    def settings_used(self, version: RecommenderVersion) -> str:
        """What learning depended on besides the events."""
        left_out = {"new", "recipe"}
        told = {key: value for key, value in version.params.items() if key not in left_out}
        return ", ".join(f"{key} {value}" for key, value in sorted(told.items())) or "-"


@admin.register(ItemList)
class ItemListAdmin(_ReadOnly):
    """What follows an item, in the version that serves now."""

    list_display = ["item", "previous", "recommender", "method", "first"]
    list_filter = ["version__recommender", "method"]
    list_select_related = ["version__recommender"]
    search_fields = ["=item"]
    ordering = ["version__recommender", "id"]
    fields = ["recommender", "item", "previous", "method", "first"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ItemList]:
        """Older versions' lists are kept for a short while, and shown to nobody."""
        return super().get_queryset(request).filter(version__active_for__isnull=False)

    @admin.display(description="Recommender")
    def recommender(self, row: ItemList) -> str:
        return row.version.recommender.name

    @admin.display(description="Goes with")
    def first(self, row: ItemList) -> str:
        """The first of the list; of a kernel the numbers are no shares."""
        return ranking(row.ranked, is_share=row.method != ALS)


@admin.register(Item)
class ItemAdmin(_ReadOnly):
    """What is in the shop, as its catalogue or its events last described it."""

    list_display = [
        "code",
        "name",
        "category",
        "price",
        "availability",
        "source",
        "seen_at",
        "site",
    ]
    list_filter = ["site", "is_available", "source"]
    list_select_related = ["site"]
    search_fields = ["code", "name", "category"]
    ordering = ["site__name", "code"]

    @admin.display(description="Offered", ordering="is_available")
    def availability(self, item: Item) -> str:
        """Whether it may be recommended, and how many there are."""
        if not item.is_available:
            return "no"
        if item.stock is None:
            return "yes"
        return f"yes, {item.stock:,} left" if item.stock else "no, none left"


def share_of(version: RecommenderVersion | None, key: str) -> str:
    """Return a share of a version's metrics in words."""
    share = None if version is None else version.metrics.get(key)
    return "-" if share is None else f"{share:.1%}"


def ranking(ranked: list[tuple[str, float]], *, is_share: bool = True) -> str:
    """Return the first items of a list with their shares."""
    pairs = ((code, f" ({share:.1%})" if is_share else "") for code, share in ranked[:SHOWN])
    return format_html_join(", ", "{}{}", pairs) or "-"
