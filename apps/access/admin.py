"""Sites, sources and keys in the admin."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, URLField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.access import admin_audit as _admin_audit  # noqa: F401 - registers its pages
from apps.access import alert_admin as _alert_admin  # noqa: F401 - registers its pages
from apps.access import approvals, services
from apps.access.admin_staff import actor_of as _actor
from apps.access.models import ApiKey, Site, Source
from apps.access.site_groups import in_groups
from apps.work import clock

# Relations of a site, some of apps above.
HELD_BY_A_SITE: Final = ("sources", "profiles", "segments", "blocks", "publications", "staff")


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin[Site]):
    """Tenants."""

    list_display = ["name", "key", "regime", "time_zone", "retention_days", "is_plan_strict"]
    list_filter = ["regime", "is_plan_strict"]
    search_fields = ["name", "key"]
    readonly_fields = ["created_at"]
    prepopulated_fields = {"key": ["name"]}
    formfield_overrides = {URLField: {"assume_scheme": "https"}}
    form = approvals.SiteForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The reason for switching four eyes off stands below them, where they are on."""
        names = [str(one) for one in super().get_fields(request, obj) if one != "approval_reason"]
        if obj is not None and obj.needs_approval and self.has_change_permission(request, obj):
            names.insert(names.index("needs_approval") + 1, "approval_reason")
        return names

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What concerns consent stands together."""
        return in_groups(self.get_fields(request, obj))

    def get_form(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """The form knows who fills it in."""
        return approvals.filled_by(super().get_form(request, *args, **options), request.user.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Site | None = None) -> bool:
        """Of a site that holds nothing yet: what others hold is no page's to count or take away."""
        if obj is None or not super().has_delete_permission(request, obj):
            return False
        return not any(getattr(obj, name).exists() for name in HELD_BY_A_SITE)

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        """Stamp a new site, and audit; four eyes on or off by a line of their own."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
        _audit_save(request, obj, obj.pk, "access.site", form, change)
        if "needs_approval" in form.changed_data:
            approvals.note_change(
                site_id=obj.pk,
                is_on=obj.needs_approval,
                reason=form.cleaned_data.get("approval_reason", ""),
                actor=_actor(request),
                now=clock.now(),
            )


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin[Source]):
    """Senders of events."""

    list_display = ["name", "site", "kind", "consent_mode", "rate_per_s", "is_user_proof_required"]
    list_filter = ["site", "kind", "consent_mode"]
    list_select_related = ["site"]
    search_fields = ["name", "site__name"]
    exclude = ["proof_secret"]
    readonly_fields = ["created_at", "keys"]
    actions = ["issue_publishable", "issue_secret", "issue_edge"]
    change_form_template = "admin/access/source/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A source never moves to another site: its keys and events belong to the first."""
        return ["created_at", "keys", "site"] if obj else ["created_at"]

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> Any:
        """What it is, what it may do, and its keys for those who may see keys."""
        fieldsets: list[Any] = [
            (None, {"fields": ["site", "name", "kind", "consent_mode", "allowed_origins"]}),
            ("Limits", {"fields": [("rate_per_s", "rate_per_address_s", "burst_s")]}),
            ("Proof of identity", {"fields": ["is_user_proof_required"]}),
        ]
        if obj is not None and request.user.has_perm("access.view_apikey"):
            fieldsets.append(("Keys", {"fields": ["keys", "created_at"]}))
        return fieldsets

    def get_urls(self) -> list[URLPattern]:
        """With the address that issues a key."""
        issue = path(
            "<uuid:source_id>/issue/",
            self.admin_site.admin_view(self.issue_view),
            name="access_source_issue",
        )
        return [issue, *super().get_urls()]

    def issue_view(self, request: HttpRequest, source_id: UUID) -> HttpResponse:
        """POST: issue a key of `kind` and show it this once."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("access.add_apikey"):
            raise PermissionDenied
        source = get_object_or_404(Source.objects.select_related("site"), pk=source_id)
        kind = request.POST.get("kind", "")
        if kind not in ApiKey.Kind.values:
            raise Http404
        return self._issue(request, [source], kind)

    @admin.display(description="Keys of this source")
    def keys(self, source: Source) -> SafeString | str:
        """Each with its kind and state; a publishable one with its value, which is public."""
        rows = format_html_join(
            "",
            '<tr><td>{}</td><td><a href="{}">{}</a></td><td>{}</td></tr>',
            (
                (
                    key.get_kind_display(),
                    reverse("admin:access_apikey_change", args=[key.pk]),
                    key.public_value or str(key),
                    key_state(key),
                )
                for key in source.api_keys.order_by("kind", "-created_at")[:50]
            ),
        )
        return format_html('<table class="plain">{}</table>', rows) if rows else "none yet"

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Stamp a new source, draw its proof secret, and audit."""
        if not change:
            obj.created_at = clock.now()
            obj.proof_secret = services.new_proof_secret()
        super().save_model(request, obj, form, change)
        _audit_save(request, obj.site, obj.pk, "access.source", form, change)

    def has_issue_permission(self, request: HttpRequest) -> bool:
        """Who may issue keys."""
        return request.user.has_perm("access.add_apikey")

    @admin.action(description="Issue a publishable key", permissions=["issue"])
    def issue_publishable(self, request: HttpRequest, queryset: QuerySet[Source]) -> HttpResponse:
        """For page sources and apps."""
        return self._issue(request, list(queryset), ApiKey.Kind.PUBLISHABLE)

    @admin.action(description="Issue a secret key", permissions=["issue"])
    def issue_secret(self, request: HttpRequest, queryset: QuerySet[Source]) -> HttpResponse:
        """For servers."""
        return self._issue(request, list(queryset), ApiKey.Kind.SECRET)

    @admin.action(description="Issue an edge key", permissions=["issue"])
    def issue_edge(self, request: HttpRequest, queryset: QuerySet[Source]) -> HttpResponse:
        """For workers of a content delivery network."""
        return self._issue(request, list(queryset), ApiKey.Kind.EDGE)

    def _issue(self, request: HttpRequest, sources: Sequence[Source], kind: str) -> HttpResponse:
        made = []
        for source in sources:
            key, value = services.issue_key(
                source_id=source.pk, kind=kind, now=clock.now(), actor=_actor(request)
            )
            made.append((f"{key.get_kind_display()} key of {source}", value))
        back = reverse("admin:access_source_changelist")
        if len(sources) == 1:
            back = reverse("admin:access_source_change", args=[sources[0].pk])
        return _shown_once(self, request, made, back)


def key_state(key: ApiKey) -> SafeString:
    """Whether a key works, in its colour."""
    level, words = "ok", "works"
    if key.revoked_at is not None:
        level, words = "bad", f"revoked {key.revoked_at:%d %b %Y %H:%M}"
    elif key.expires_at is not None and key.expires_at <= clock.now():
        level, words = "plain", f"ended {key.expires_at:%d %b %Y %H:%M}"
    elif key.expires_at is not None:
        level, words = "warn", f"works until {key.expires_at:%d %b %Y %H:%M} UTC"
    return format_html('<span class="badge is-{}">{}</span>', level, words)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys: issued on a source, rotated and revoked here, never edited."""

    list_display = ["__str__", "source", "kind", "standing", "created_at"]
    list_filter = ["site", "kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["source__site", "site"]
    search_fields = ["hint", "source__name"]
    search_help_text = "The last characters of a key, or the name of its source."
    exclude = ["digest"]
    actions = ["rotate", "revoke"]
    change_form_template = "admin/access/apikey/change_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key is issued, not typed in."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing of a key is edited; see `has_end_permission`."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A key is revoked: its row tells later what it was."""
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may rotate and revoke keys."""
        return request.user.has_perm("access.change_apikey")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All of them."""
        names = [field.name for field in ApiKey._meta.fields if field.name != "digest"]
        return [*names, "standing"]

    def get_urls(self) -> list[URLPattern]:
        """With the addresses that rotate and revoke one key."""
        view = self.admin_site.admin_view
        own = [
            path("<uuid:key_id>/rotate/", view(self.rotate_view), name="access_apikey_rotate"),
            path("<uuid:key_id>/revoke/", view(self.revoke_view), name="access_apikey_revoke"),
        ]
        return [*own, *super().get_urls()]

    def rotate_view(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        """POST: a successor, shown this once."""
        key = self._key_to_end(request, key_id)
        if isinstance(key, HttpResponse):
            return key
        return self._rotated(request, [key])

    def revoke_view(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        """POST: end a key at once."""
        key = self._key_to_end(request, key_id)
        if isinstance(key, HttpResponse):
            return key
        services.revoke_key(key_id=key.pk, now=clock.now(), actor=_actor(request))
        self.message_user(request, f"{key} is revoked: it is refused from now on.")
        return redirect("admin:access_apikey_change", key.pk)

    def _key_to_end(self, request: HttpRequest, key_id: UUID) -> ApiKey | HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_end_permission(request):
            raise PermissionDenied
        return get_object_or_404(
            ApiKey.objects.select_related("source__site"), pk=key_id, revoked_at=None
        )

    def _rotated(self, request: HttpRequest, keys: Sequence[ApiKey]) -> HttpResponse:
        made = []
        for key in keys:
            _, value = services.rotate_key(key_id=key.pk, now=clock.now(), actor=_actor(request))
            made.append((f"Successor of {key}, of {key.source}", value))
        return _shown_once(self, request, made, reverse("admin:access_apikey_changelist"))

    @admin.display(description="State")
    def standing(self, key: ApiKey) -> SafeString:
        """Whether it works."""
        return key_state(key)

    @admin.action(
        description="Rotate: a new key now, the old one works a day more", permissions=["end"]
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Issue successors of those that are not revoked."""
        keys = list(queryset.filter(revoked_at=None))
        if keys:
            return self._rotated(request, keys)
        self.message_user(request, "Revoked keys have no successors.", messages.WARNING)
        return None

    @admin.action(description="Revoke now", permissions=["end"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End keys at once."""
        for key in queryset:
            services.revoke_key(key_id=key.pk, now=clock.now(), actor=_actor(request))
        self.message_user(request, f"Revoked: {queryset.count()}.")


def _shown_once(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    made: Sequence[tuple[str, str]],
    back: str,
) -> HttpResponse:
    """Answer with the keys themselves.

    Not through a message after a redirect: that would store the value in a cookie or a session.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "New key" if len(made) == 1 else "New keys",
        "opts": model_admin.opts,
        "made": made,
        "back": back,
    }
    response = TemplateResponse(request, "admin/access/keys_shown.html", context)
    response["Cache-Control"] = "no-store"
    return response


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
