"""The consent ledger and the texts it refers to. Read only: a choice is made by a person."""

import hashlib
import json
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import JSONField, Q, QuerySet, TextField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.access import services as access
from apps.consent import admin_recipients as _recipients  # noqa: F401 - registers its pages
from apps.consent import expiring, sealed
from apps.consent.models import ConsentEvent, NoticeVersion
from apps.consent.types import names_of
from apps.work import clock
from apps.work.paging import BoundedPaginator
from apps.work.sealed_admin import SealedAdmin

DEFAULT_PURPOSES: Final = ["functional", "analytics", "personalization", "advertising"]
# As our own banner is: both answers alike, nothing ticked.
DEFAULT_LAYOUT: Final = {
    "buttons": ["Refuse all", "Accept all", "Choose"],
    "equal": True,
    "ticked": [],
}


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
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ["at", "kind", "said", "became", "person", "site"]}),
        ("Which law, and where", {"fields": ["regime", "regime_source", "place", "basis"]}),
        (
            "What was shown, and how it was answered",
            {"fields": ["policy_version", "notice", "notice_language", "text_sha256", "method",
                        "controls", "has_gpc", "signals", "client_at", "network", "browser"]},
        ),
        ("Who did it", {"fields": ["actor_kind", "actor_id", "reason_code", "source_id"]}),
        (
            "State before and after",
            {"fields": ["allowed_before", "refused_before", "allowed_after", "refused_after",
                        "epoch", "subject_digest", "schema_version"]},
        ),
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

    @admin.display(description="What became of it")
    def became(self, event: ConsentEvent) -> SafeString:
        """Each purpose that was changed or confirmed: state before and after, and until when."""
        lines = []
        for name, (before, after) in sorted(event.states.items()):
            until = str(event.valid_until.get(name, ""))[:10]
            ending = ""
            if until:
                ending = f", until {until}" if after == "granted" else f", not asked before {until}"
            lines.append((f"{name}: {before} \u2192 {after}".replace("_", " ") + ending,))
        return format_html_join(format_html("<br>{}", ""), "{}", lines or [("-",)])

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
    """The texts that visitors are shown: a new wording is a new version.

    What is left empty is taken from the site, so that a notice says all of it by itself.
    """

    list_display = ["version", "language", "site", "is_material", "published_at"]
    list_filter = ["site", "language", "is_material"]
    list_select_related = ["site"]
    ordering = ["-published_at"]
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ["site", "version", "language", "text", "is_material"]}),
        (
            "What it names",
            {
                "fields": ["controller", "contact", "purposes", "recipients", "retention",
                           "withdrawal"],
                "description": "Kept as proof of what people were told.",
            },
        ),
        ("How and where it is shown", {"classes": ["collapse"], "fields": ["layout", "regimes"]}),
        ("Proof", {"fields": ["text_sha256", "layout_sha256", "published_at"]}),
    ]  # fmt: skip
    readonly_fields = ["text_sha256", "layout_sha256", "published_at"]
    formfield_overrides = {
        JSONField: {"widget": forms.Textarea(attrs={"rows": 3})},
        TextField: {"widget": forms.Textarea(attrs={"rows": 4})},
    }

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What most notices say."""
        return {
            "purposes": DEFAULT_PURPOSES,
            "layout": DEFAULT_LAYOUT,
            "retention": "Events are kept for 395 days, the proof of your choice for three years.",
            "withdrawal": "You can change your choice at any time in the privacy settings.",
            **super().get_changeform_initial_data(request),
        }

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
        layout = json.dumps(obj.layout, sort_keys=True, separators=(",", ":"))
        obj.layout_sha256 = hashlib.sha256(layout.encode()).hexdigest()
        obj.controller = obj.controller or obj.site.controller
        obj.contact = obj.contact or obj.site.contact
        super().save_model(request, obj, form, change)
        if obj.is_material:
            expiring.ask_to_renew(site_id=obj.site_id, version=obj.version, now=now)
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
