"""Pages for content systems: connections, and what they sent, to be repaired and run again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.access.services import record_audit
from apps.access.site_time import wall_clock
from apps.content.admin_script import PAGE_SCRIPT
from apps.integrations.forms import ConnectionForm, IncomingForm, MappingForm, MappingFormSet
from apps.integrations.models import Connection, Incoming, Mapping
from apps.integrations.receiving import run_again
from apps.work import clock

SHOWN = 20  # calls on the page of a connection
_LEVELS = {"done": "ok", "refused": "bad", "waiting": "info"}


class MappingInline(admin.StackedInline[Mapping, Connection]):
    """Which entries become variants of which block."""

    model = Mapping
    form = MappingForm
    formset = MappingFormSet  # type: ignore[assignment]  # its forms are of the class made below
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mapping]:
        return super().get_queryset(request).select_related("block").order_by("content_type")


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """Content systems that may write drafts. They are switched off, never deleted."""

    class Media:
        js = (PAGE_SCRIPT,)

    form = ConnectionForm
    inlines = (MappingInline,)
    change_form_template = "admin/integrations/connection/change_form.html"
    list_display = ("name", "kind", "site", "is_enabled")
    list_filter = ("site", "kind")
    list_select_related = ("site",)
    search_fields = ("name",)
    ordering = ("site", "name")

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        """Secrets are given by who may make connections."""
        first = ["name", ("site", "kind")]
        if self.has_add_permission(request):
            first.append("secret")
        more = ["tag_prefix", "seen_path", "is_enabled"]
        return [(None, {"fields": first}), ("What it may do", {"fields": more})]

    def get_form(
        self,
        request: HttpRequest,
        obj: Connection | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Without the input of the secret for those who may not give one."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if not self.has_add_permission(request):
            form.base_fields.pop("secret", None)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        return () if obj is None else ("site", "kind")

    def get_inlines(self, request: HttpRequest, obj: Connection | None) -> Any:
        """A new one has no site yet whose blocks could be offered."""
        return self.inlines if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: what its entries became would be forgotten."""
        return False

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """With its time, and a line in the audit trail."""
        if not change:
            obj.created_at = clock.now()
        super().save_model(request, obj, form, change)
        # An input that is left empty differs from the secret, too.
        told = {name for name in form.changed_data if request.POST.get(name) or name != "secret"}
        record_audit(
            action="integrations.connection_changed" if change else "integrations.connection_made",
            actor=_user(request),
            site_id=obj.site_id,
            target_kind="integrations.connection",
            target_id=str(obj.pk),
            detail={"fields": sorted(told)} if change else {"kind": obj.kind},
            now=clock.now(),
        )

    def response_add(
        self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret, once. A message after a redirect would store it in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Connected: two things to copy",
            "opts": self.opts,
            "connection": obj,
            "address": _address(request, obj),
            "is_ours": not request.POST.get("secret"),
            "next": reverse("admin:integrations_connection_change", args=[obj.pk]),
        }
        shown = TemplateResponse(request, "admin/integrations/secret_shown.html", context)
        shown["Cache-Control"] = "no-store"
        return shown

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """With the address to call and the last calls. Two queries more."""
        shown = {**(extra_context or {})}
        connection = self.get_object(request, object_id)
        if connection is not None and self.has_view_permission(request, connection):
            rows = Incoming.objects.filter(connection=connection).defer("body", "repaired")
            zone = connection.site.time_zone
            shown |= {
                "address": _address(request, connection),
                "zone": zone,
                "calls": [
                    (one, wall_clock(one.received_at, zone), _badge(one))
                    for one in rows.order_by("-received_at")[:SHOWN]
                ],
            }
        return super().change_view(request, object_id, form_url, shown)


@admin.register(Incoming)
class IncomingAdmin(admin.ModelAdmin[Incoming]):
    """Calls with the right secret of the last days; those refused wait to be run again."""

    form = IncomingForm
    change_form_template = "admin/integrations/incoming/change_form.html"
    fields = ("connection", "event", "received_at", "standing", "message", "variant", "repaired")
    readonly_fields = ("connection", "event", "received_at", "standing", "message", "variant")
    list_display = ("received_at", "connection", "event", "standing", "message")
    list_filter = ("state", "connection")
    list_select_related = ("connection",)
    search_fields = ("message", "code", "event")
    ordering = ("-received_at",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("run_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incoming]:
        """The list does without what came: a page of it may be large."""
        rows = super().get_queryset(request)
        is_list = request.resolver_match and "changelist" in str(request.resolver_match.url_name)
        return rows.defer("body", "repaired") if is_list else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come by the door only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are forgotten by themselves."""
        return False

    @admin.display(description="state", ordering="state")
    def standing(self, incoming: Incoming) -> SafeString:
        """The state in its colour, with the word for what is wrong."""
        return _badge(incoming)

    @admin.action(description="Run again", permissions=["change"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Incoming]) -> None:
        """Import what was chosen once more, oldest first."""
        rows = list(queryset.select_related("connection").order_by("received_at"))
        for incoming in rows:
            run_again(incoming, clock.now())
            _audit_again(request, incoming, is_repaired=False)
        self.message_user(request, f"{len(rows)} run again in a moment.", messages.SUCCESS)

    def save_model(self, request: HttpRequest, obj: Incoming, form: Any, change: bool) -> None:
        """Saving is running again, with what was mended."""
        is_repaired = "repaired" in form.changed_data
        run_again(obj, clock.now(), form.cleaned_data["repaired"] if is_repaired else None)
        _audit_again(request, obj, is_repaired=is_repaired)

    def response_change(self, request: HttpRequest, obj: Incoming) -> HttpResponse:
        """Back to the call, where what comes of it is shown."""
        messages.success(request, "It runs again in a moment: load this page anew to see.")
        return HttpResponseRedirect(request.path)


def _badge(incoming: Incoming) -> SafeString:
    level = _LEVELS.get(incoming.state, "plain")
    words = incoming.get_state_display()
    if not incoming.code:
        return format_html('<span class="badge is-{}">{}</span>', level, words)
    return format_html(
        '<span class="badge is-{}">{}</span> <code>{}</code>', level, words, incoming.code
    )


def _address(request: HttpRequest, connection: Connection) -> str:
    return request.build_absolute_uri(f"/v1/hooks/{connection.pk}")


def _audit_again(request: HttpRequest, incoming: Incoming, *, is_repaired: bool) -> None:
    record_audit(
        action="integrations.run_again",
        actor=_user(request),
        site_id=incoming.connection.site_id,
        target_kind="integrations.incoming",
        target_id=str(incoming.pk),
        detail={"repaired": is_repaired},
        now=clock.now(),
    )


def _user(request: HttpRequest) -> Any:
    return request.user if request.user.is_authenticated else None
