"""Sites, sources, keys and the audit trail in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.access import services
from apps.access.models import ApiKey, AuditEntry, Site, Source
from apps.work import clock


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin[Site]):
    """Tenants."""

    list_display = ["name", "key", "regime", "time_zone", "retention_days", "is_plan_strict"]
    list_filter = ["regime", "is_plan_strict"]
    search_fields = ["name", "key"]
    readonly_fields = ["created_at"]
    prepopulated_fields = {"key": ["name"]}

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        """Stamp a new site, and audit."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
        _audit_save(request, obj, obj.pk, "access.site", form, change)


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin[Source]):
    """Senders of events."""

    list_display = ["name", "site", "kind", "consent_mode", "rate_per_s", "is_user_proof_required"]
    list_filter = ["site", "kind", "consent_mode"]
    list_select_related = ["site"]
    search_fields = ["name", "site__name"]
    exclude = ["proof_secret"]
    readonly_fields = ["created_at"]
    actions = ["issue_publishable", "issue_secret", "issue_edge"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A source never moves to another site: its keys and events belong to the first."""
        return ["created_at", "site"] if obj else ["created_at"]

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Stamp a new source, draw its proof secret, and audit."""
        if not change:
            obj.created_at = clock.now()
            obj.proof_secret = services.new_proof_secret()
        super().save_model(request, obj, form, change)
        _audit_save(request, obj.site, obj.pk, "access.source", form, change)

    @admin.action(description="Issue a publishable key", permissions=["change"])
    def issue_publishable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        """For page sources and apps."""
        self._issue(request, queryset, ApiKey.Kind.PUBLISHABLE)

    @admin.action(description="Issue a secret key", permissions=["change"])
    def issue_secret(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        """For servers."""
        self._issue(request, queryset, ApiKey.Kind.SECRET)

    @admin.action(description="Issue an edge key", permissions=["change"])
    def issue_edge(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        """For workers of a content delivery network."""
        self._issue(request, queryset, ApiKey.Kind.EDGE)

    def _issue(self, request: HttpRequest, queryset: QuerySet[Source], kind: str) -> None:
        for source in queryset:
            _, value = services.issue_key(
                source_id=source.pk, kind=kind, now=clock.now(), actor=_actor(request)
            )
            _show_once(request, f"New key of {source}", value)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys: made by actions on a source, rotated and revoked here, never edited."""

    list_display = ["__str__", "source", "kind", "created_at", "expires_at", "revoked_at"]
    list_filter = ["site", "kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["source__site", "site"]
    search_fields = ["hint", "source__name"]
    exclude = ["digest"]
    actions = ["rotate", "revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key is issued, not typed in."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is revoked: its row tells later what it was."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them."""
        return [field.name for field in ApiKey._meta.fields if field.name != "digest"]

    @admin.action(description="Rotate: a new key now, the old one works a day more")
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Issue successors."""
        if not request.user.has_perm("access.change_apikey"):
            self.message_user(request, "Your role may not rotate keys.", messages.ERROR)
            return
        for key in queryset.filter(revoked_at=None):
            _, value = services.rotate_key(key_id=key.pk, now=clock.now(), actor=_actor(request))
            _show_once(request, f"Successor of {key}", value)

    @admin.action(description="Revoke now")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys at once."""
        if not request.user.has_perm("access.change_apikey"):
            self.message_user(request, "Your role may not revoke keys.", messages.ERROR)
            return
        for key in queryset:
            services.revoke_key(key_id=key.pk, now=clock.now(), actor=_actor(request))
        self.message_user(request, f"Revoked: {queryset.count()}.")


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin[AuditEntry]):
    """Who did what; nobody changes it here."""

    list_display = ["at", "action", "actor_label", "site", "target_kind", "target_id"]
    list_filter = ["site", "action"]
    list_select_related = ["site"]
    search_fields = ["action", "actor_label", "target_id"]
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never here."""
        return False


def _actor(request: HttpRequest) -> services.Actor:
    return request.user if request.user.is_authenticated else None


def _show_once(request: HttpRequest, what: str, value: str) -> None:
    messages.warning(request, f"{what}: {value} - copy it now, it is not shown again.")


def _audit_save(
    request: HttpRequest, site: Site, target_id: object, kind: str, form: Any, change: bool
) -> None:
    services.record_audit(
        action=f"{kind}_changed" if change else f"{kind}_created",
        actor=_actor(request),
        site_id=site.pk,
        target_kind=kind,
        target_id=str(target_id),
        detail={"fields": sorted(form.changed_data)} if change else {},
        now=clock.now(),
    )
