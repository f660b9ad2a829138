"""The audit trail in the admin."""

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.access import sealed
from apps.access.models import AuditEntry
from apps.work.paging import BoundedPaginator
from apps.work.sealed_admin import SealedAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(SealedAdmin):
    """Who did what; nobody changes it, here or anywhere."""

    ledger = sealed.NAME
    list_display = ["at", "what", "actor_label", "site", "target", "said"]
    list_filter = ["site", "action", "target_kind", "actor_label", "at"]
    list_select_related = ["site"]
    list_per_page = 50
    search_fields = ["action", "actor_label", "target_id"]
    search_help_text = "An action, a person of the staff, or the id of what it was done to."
    ordering = ["-at", "-id"]
    show_full_result_count = False
    paginator = BoundedPaginator
    fields = ["at", "action", "actor_label", "actor", "site", "target_kind", "target_id", "said"]

    @admin.display(description="Action", ordering="action")
    def what(self, entry: AuditEntry) -> SafeString:
        """What was done; looks at people stand out."""
        level = "info" if entry.action == "profiles.viewed" else "plain"
        return format_html('<span class="badge is-{}">{}</span>', level, entry.action)

    @admin.display(description="To what")
    def target(self, entry: AuditEntry) -> SafeString | str:
        """The kind of thing and its id."""
        if not entry.target_kind:
            return "-"
        return format_html(
            '{}<span class="under quiet nowrap">{}</span>', entry.target_kind, entry.target_id
        )

    @admin.display(description="Detail")
    def said(self, entry: AuditEntry) -> str:
        """Ids and counts of the deed."""
        if not isinstance(entry.detail, dict):
            return json.dumps(entry.detail)
        pairs = (
            f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
            for name, value in entry.detail.items()
        )
        return ", ".join(pairs) or "-"
