"""Intents and the change feed in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.work import clock, services
from apps.work.models import ChangeFeed, Intent
from apps.work.paging import BoundedPaginator

# Colours of the badges; what waits is plain.
_LEVELS = {"running": "info", "done": "ok", "failed": "bad"}


class _ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that processes write and people only look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Intent)
class IntentAdmin(_ReadOnlyAdmin):
    """What must happen, what is happening and what went wrong."""

    list_display = ["kind", "site", "standing", "progress", "attempts", "run_after", "finished_at"]
    list_filter = ["state", "kind", "queue", "site"]
    list_select_related = ["site"]
    search_fields = ["kind", "key", "error"]
    date_hierarchy = "created_at"
    actions = ["ask_again"]

    @admin.display(description="state", ordering="state")
    def standing(self, intent: Intent) -> SafeString:
        """The state in its colour."""
        level = _LEVELS.get(intent.state, "plain")
        return format_html(
            '<span class="badge is-{}">{}</span>', level, intent.get_state_display().lower()
        )

    @admin.display(description="progress")
    def progress(self, intent: Intent) -> SafeString | str:
        """Steps done of all, with the last word about them."""
        if not intent.total_steps:
            return intent.note
        if intent.state != Intent.State.RUNNING:
            return f"{intent.done_steps:,} of {intent.total_steps:,} {intent.note}".strip()
        return format_html(
            '<progress max="{}" value="{}"></progress>{} of {} {}',
            intent.total_steps,
            intent.done_steps,
            f"{intent.done_steps:,}",
            f"{intent.total_steps:,}",
            intent.note,
        )

    @admin.action(description="Ask for the failed ones again")
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Intent]) -> None:
        """Make new intents of failed ones."""
        if not request.user.has_perm("work.change_intent"):
            self.message_user(request, "Your role may not ask for work.", "ERROR")
            return
        asked = services.ask_again(
            intent_ids=list(queryset.values_list("pk", flat=True)), now=clock.now()
        )
        self.message_user(request, f"Asked again: {asked} of {queryset.count()}.")


@admin.register(ChangeFeed)
class ChangeFeedAdmin(_ReadOnlyAdmin):
    """What has changed."""

    list_display = ["id", "at", "site", "kind", "profile_id"]
    list_filter = ["kind", "site"]
    list_select_related = ["site"]
    show_full_result_count = False
    paginator = BoundedPaginator
