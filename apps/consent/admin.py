"""The consent ledger and the texts it refers to. Read only: a choice is made by a person."""

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from apps.access import services as access
from apps.consent import sealed
from apps.consent.models import ConsentEvent, NoticeVersion
from apps.consent.types import names_of
from apps.work import clock
from apps.work.paging import BoundedPaginator
from apps.work.sealed_admin import SealedAdmin


@admin.register(ConsentEvent)
class ConsentEventAdmin(SealedAdmin):
    """Every yes, no and signal, newest first."""

    ledger = sealed.NAME
    list_display = ["at", "kind", "said", "person", "method", "regime", "has_gpc", "epoch", "site"]
    # None whose choices would have to be looked for among millions of entries.
    list_filter = ["site", "kind", "has_gpc"]
    list_select_related = ["site"]
    search_fields = ["=profile__id", "=id"]
    search_help_text = "The id of a profile or of an entry."
    ordering = ["-pk"]
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    fields = [
        "at", "kind", "said", "allowed_before", "refused_before", "allowed_after",
        "refused_after", "epoch", "person", "site", "regime", "method", "policy_version",
        "has_gpc", "signals", "client_at", "source_id", "subject_digest",
    ]  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        """Match whole ids: as texts, those of all entries would have to be looked at."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            asked = UUID(term.removeprefix("prf_"))
        except ValueError:
            return queryset.none(), False
        return queryset.filter(Q(pk=asked) | Q(profile_id=asked)), False

    @admin.display(description="Chosen")
    def said(self, event: ConsentEvent) -> str:
        """The purposes, each with its answer."""
        answers = event.purposes.items()
        return ", ".join(f"{name}: {'yes' if is_yes else 'no'}" for name, is_yes in answers)

    @admin.display(description="Profile", ordering="profile")
    def person(self, event: ConsentEvent) -> str:
        """A link to the profile; erased people have none."""
        if event.profile_id is None:
            return "erased"
        address = reverse("admin:profiles_profile_change", args=[event.profile_id])
        return format_html('<a href="{}">{}</a>', address, event.profile_id)

    @admin.display(description="Granted before")
    def allowed_before(self, event: ConsentEvent) -> str:
        """Purposes with a recorded yes before this entry."""
        return _words(event.granted_before)

    @admin.display(description="Denied before")
    def refused_before(self, event: ConsentEvent) -> str:
        """Purposes with a recorded no before this entry."""
        return _words(event.denied_before)

    @admin.display(description="Granted after")
    def allowed_after(self, event: ConsentEvent) -> str:
        """Purposes with a recorded yes after it."""
        return _words(event.granted_after)

    @admin.display(description="Denied after")
    def refused_after(self, event: ConsentEvent) -> str:
        """Purposes with a recorded no after it."""
        return _words(event.denied_after)


@admin.register(NoticeVersion)
class NoticeVersionAdmin(admin.ModelAdmin[NoticeVersion]):
    """The texts that visitors are shown: a new wording is a new version."""

    list_display = ["version", "language", "site", "is_material", "published_at"]
    list_filter = ["site", "language", "is_material"]
    list_select_related = ["site"]
    ordering = ["-published_at"]
    fields = ["site", "version", "language", "text", "is_material", "text_sha256", "published_at"]
    readonly_fields = ["text_sha256", "published_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: choices refer to what it said."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never, for the same reason."""
        return False

    def save_model(self, request: HttpRequest, obj: NoticeVersion, form: Any, change: bool) -> None:
        """Publish it, with the digest of the exact text."""
        now = clock.now()
        obj.published_at = now
        obj.text_sha256 = hashlib.sha256(obj.text.encode()).hexdigest()
        super().save_model(request, obj, form, change)
        access.record_audit(
            action="consent.notice_published",
            actor=request.user if request.user.is_authenticated else None,
            site_id=obj.site_id,
            target_kind="consent.noticeversion",
            target_id=str(obj.pk),
            now=now,
        )


def _words(bits: int) -> str:
    return ", ".join(names_of(bits)) or "-"
