"""Messages of the privacy desk in the admin: what waits, what went out, what could not be sent."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.access.services import record_audit
from apps.privacy import mailing
from apps.privacy.models.outbox import Message
from apps.work import clock
from apps.work.paging import BoundedPaginator

_LEVELS = {"sent": "ok", "failed": "bad", "waiting": "info"}


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin[Message]):
    """Read only: to whom and what, nobody can see; a failed one can be sent again."""

    list_display = ("created_at", "about", "standing", "attempts", "error", "site")
    list_filter = ("state", "site")
    list_select_related = ("site",)
    list_per_page = 50
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    actions = ("send_again",)
    fields = (
        "about", "site", "standing", "attempts", "error", "is_for_known", "created_at",
        "expires_at", "ended_at", "way",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: rows go by themselves after two years."""
        return False

    @admin.display(description="About")
    def about(self, message: Message) -> str:
        """The template, in words."""
        return message.template.replace("_", " ").capitalize()

    @admin.display(description="state", ordering="state")
    def standing(self, message: Message) -> SafeString:
        """The state in its colour."""
        level = _LEVELS.get(message.state, "plain")
        return format_html('<span class="badge is-{}">{}</span>', level, message.state)

    @admin.display(description="Sent by")
    def way(self, message: Message) -> str:
        """Where messages go, as this server is set up."""
        if "filebased" in settings.EMAIL_BACKEND:
            return f"Nothing is sent: messages are written to {settings.EMAIL_FILE_PATH}."
        return f"{settings.EMAIL_HOST}, from {settings.EMAIL_FROM}"

    @admin.action(description="Send failed ones again")
    def send_again(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Try failed messages for another two days."""
        if not request.user.has_perm("privacy.change_message"):
            self.message_user(request, "Your role may not send messages.", "ERROR")
            return
        now = clock.now()
        ids = list(queryset.values_list("pk", flat=True))
        count = mailing.send_again(message_ids=ids, now=now)
        if count:
            record_audit(
                action="privacy.messages_sent_again",
                actor=request.user if request.user.is_authenticated else None,
                site_id=None,
                target_kind="privacy.message",
                target_id="",
                detail={"count": count},
                now=now,
            )
        self.message_user(request, f"Sent again: {count} of {len(ids)}.")
