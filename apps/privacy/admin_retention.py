"""Pages of the desk about everything at once: what is kept how long, what is done with it and why,
and who is affected when something went wrong."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from apps.privacy import breach_page, records_page, retention_page
from apps.privacy.models import RetentionRun


@admin.register(RetentionRun)
class RetentionRunAdmin(admin.ModelAdmin[RetentionRun]):
    """The list is the page of retention; a run is read only, and never deleted by hand."""

    fields = (
        "kind", "site", "at", "state", "days", "cutoff", "removed", "partitions", "oldest_left",
        "took_ms", "proof",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: it is a proof."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: they go by themselves after two years."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """What is kept how long, and what the last runs did."""
        return retention_page.page(request)

    def get_urls(self) -> list[URLPattern]:
        """With the pages of records."""
        view = self.admin_site.admin_view
        return [
            path("processing/", view(records_page.processing), name="privacy_processing"),
            path("impact/", view(records_page.impact), name="privacy_impact"),
            path("breach/", view(breach_page.page), name="privacy_breach"),
            *super().get_urls(),
        ]
