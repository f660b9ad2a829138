"""Publications and the decision log in the admin: read, and bring back an earlier publication."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from apps.decisions import services
from apps.decisions.models import DecisionRecord, Publication
from apps.work import clock
from engine.errors import PersonalizationError


class _ReadOnly:
    """Nothing here is typed in: rows come from publishing and from decisions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Publication)
class PublicationAdmin(_ReadOnly, admin.ModelAdmin[Publication]):
    """What served when; the greatest number of a site serves."""

    list_display = ["number", "site", "published_at", "published_by", "note", "restores"]
    list_filter = ["site"]
    list_select_related = ["site", "published_by"]
    search_fields = ["note"]
    ordering = ["-published_at"]
    fields = [
        "site", "number", "published_at", "published_by", "note", "restores", "contents", "digest",
    ]  # fmt: skip
    actions = ["bring_back"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Publication]:
        """Without the documents: they are large, and the list does not show them."""
        queryset = super().get_queryset(request)
        match = request.resolver_match
        return queryset if match and "object_id" in match.kwargs else queryset.defer("document")

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Who may bring a publication back."""
        return request.user.has_perm("decisions.publish_site")

    @admin.action(description="Serve this publication again", permissions=["publish"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Publication]) -> None:
        """Roll back to the one that is selected."""
        if queryset.count() != 1:
            self.message_user(request, "Select exactly one publication.", messages.ERROR)
            return
        wanted = queryset.get()
        try:
            current = services.rollback(
                site_id=wanted.site_id,
                number=wanted.number,
                actor=request.user if request.user.is_authenticated else None,
                now=clock.now(),
            )
        except PersonalizationError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, f"Publication {current.number} serves what {wanted.number} did.")

    @admin.display(description="Contents")
    def contents(self, publication: Publication) -> str:
        """What is in it, counted and named."""
        document = publication.document
        return format_html_join(
            "\n",
            "<p>{} {}: {}</p>",
            (
                (len(document[kind]), kind, ", ".join(one["key"] for one in document[kind]) or "-")
                for kind in ("placements", "blocks", "rules", "segments")
            ),
        )


@admin.register(DecisionRecord)
class DecisionRecordAdmin(_ReadOnly, admin.ModelAdmin[DecisionRecord]):
    """Why somebody saw what they saw. Found by request or profile id, never by a person's data."""

    list_display = ["at", "shown", "reasons", "snapshot", "took"]
    search_fields = ["request_id", "profile_id"]
    search_help_text = "A request id (req_...) or a profile id, whole."
    ordering = ["-at"]
    show_full_result_count = False
    list_per_page = 50
    fields = [
        "at", "request_id", "site_id", "source_id", "profile_id", "snapshot", "shown", "reasons",
        "facts", "took",
    ]  # fmt: skip
    readonly_fields = ["shown", "reasons", "took"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DecisionRecord], search_term: str
    ) -> tuple[QuerySet[DecisionRecord], bool]:
        """Match whole ids: a scan of the log for a part of one helps nobody."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("req_"):
            return queryset.filter(request_id=term), False
        try:
            return queryset.filter(profile_id=UUID(term)), False
        except ValueError:
            return queryset.none(), False

    @admin.display(description="Shown")
    def shown(self, record: DecisionRecord) -> str:
        """Placement: variant, for each."""
        return ", ".join(
            f"{one['placement']}: {one['variant'] or '-'}" for one in record.placements
        )

    @admin.display(description="Reasons")
    def reasons(self, record: DecisionRecord) -> str:
        """The reason of each, with the rule if one decided."""
        return ", ".join(
            one["reason"] + (f" (rule {one['rule']})" if one["rule"] else "")
            for one in record.placements
        )

    @admin.display(description="Took", ordering="took_us")
    def took(self, record: DecisionRecord) -> str:
        """Time spent deciding and rendering."""
        return f"{record.took_us / 1000:.2f} ms"
