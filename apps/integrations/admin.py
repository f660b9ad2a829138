"""Pages for content systems: connections, tried and listed, and what they sent, to be repaired."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.access.services import record_audit
from apps.access.site_staff import narrowed
from apps.access.site_time import wall_clock
from apps.content.admin_script import PAGE_SCRIPT
from apps.integrations.checking import (
    Question,
    can_be_asked,
    compared,
    findings_here,
    findings_there,
    host_of,
)
from apps.integrations.forms import (
    ConnectionForm,
    IncomingForm,
    MappingForm,
    MappingFormSet,
    TrialForm,
)
from apps.integrations.models import Connection, Incoming, Mapping
from apps.integrations.receiving import run_again
from apps.integrations.synced import came_from, csv_lines, json_lines, rows_of, synced_page
from apps.work import clock
from apps.work.paging import BoundedPaginator

SHOWN = 20  # calls and entries on the page of a connection
OFFERED = 50  # connections to choose from above a list
MOST_AGAIN = 500  # calls that run again at once
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
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ("name",)
    ordering = ("site", "name")

    def get_urls(self) -> list[URLPattern]:
        """With the trial of a connection."""
        view = self.admin_site.admin_view(self.try_view)
        own = path("<uuid:connection_id>/try/", view, name="connection_try")
        return [own, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        """Secrets are given by who may make connections."""
        first = ["name", ("site", "kind")]
        if self.has_add_permission(request):
            first.append("secret")
        more = ["tag_prefix", "seen_path", "is_enabled"]
        if obj is not None and obj.tells_of_email:
            return [(None, {"fields": [*first, "is_enabled"]})]
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
        """A new one has no site yet whose blocks could be offered; of e-mail nothing is mapped."""
        return self.inlines if obj is not None and not obj.tells_of_email else ()

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
        """With the address to call, the last calls and the first entries. Five queries more.

        `entries=csv` or `json`: the file of all entries.
        """
        shown = {**(extra_context or {})}
        connection = self.get_object(request, object_id)
        if connection is not None and self.has_view_permission(request, connection):
            if "entries" in request.GET:
                return _file(connection, request.GET["entries"])
            rows = Incoming.objects.filter(connection=connection).defer("body", "repaired")
            zone = connection.site.time_zone
            shown |= {
                "address": _address(request, connection),
                "zone": zone,
                "calls": [
                    (one, wall_clock(one.received_at, zone), _badge(one))
                    for one in rows.order_by("-received_at")[:SHOWN]
                ],
                **_entries(connection),
            }
        return super().change_view(request, object_id, form_url, shown)

    def try_view(self, request: HttpRequest, connection_id: UUID) -> HttpResponse:
        """GET: what can be said of a connection; POST: with a secret compared, its system asked."""
        connection = self._open(request, connection_id)
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        given = (request.POST,) if request.method == "POST" else ()
        form = TrialForm(
            *given, connection=connection, may_see_secret=self.has_add_permission(request)
        )
        findings = findings_here(connection, clock.now())
        if form.is_bound and form.is_valid():
            question = form.question()
            if form.cleaned_data.get("secret"):
                findings.append(compared(connection, form.cleaned_data["secret"]))
            if question is not None:
                findings += findings_there(connection, question)
            self._tell(request, connection, question)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Try “{connection}”",
            "opts": self.opts,
            "original": connection,
            "form": form,
            "findings": findings,
            "can_ask": can_be_asked(connection),
        }
        page = TemplateResponse(request, "admin/integrations/connection/try.html", context)
        page["Cache-Control"] = "no-store"
        return page

    def _open(self, request: HttpRequest, connection_id: UUID) -> Connection:
        connection = self.get_object(request, str(connection_id))
        if connection is None or not self.has_view_permission(request, connection):
            raise PermissionDenied
        return connection

    def _tell(
        self, request: HttpRequest, connection: Connection, question: Question | None
    ) -> None:
        record_audit(
            action="integrations.connection_tried",
            actor=_user(request),
            site_id=connection.site_id,
            target_kind="integrations.connection",
            target_id=str(connection.pk),
            # Of what was typed only the host: the trail is kept for years.
            detail={"asked": "" if question is None else host_of(question.address)},
            now=clock.now(),
        )


class ConnectionFilter(admin.SimpleListFilter):
    """Calls of one connection; of a few, the newest ones: the others are found by searching."""

    title = "content system"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = narrowed(request.user, Connection.objects.order_by("-created_at"))
        rows = own.values_list("pk", "name")
        return [(str(pk), name) for pk, name in rows[:OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            wanted = UUID(self.value() or "")
        except ValueError:
            return queryset
        return queryset.filter(connection_id=wanted)


@admin.register(Incoming)
class IncomingAdmin(admin.ModelAdmin[Incoming]):
    """Calls with the right secret of the last days; those refused wait to be run again."""

    form = IncomingForm
    change_form_template = "admin/integrations/incoming/change_form.html"
    fields = ("connection", "event", "received_at", "standing", "message", "variant", "repaired")
    readonly_fields = ("connection", "event", "received_at", "standing", "message", "variant")
    list_display = ("received_at", "connection", "event", "standing", "message")
    list_filter = ("state", ConnectionFilter)
    list_select_related = ("connection",)
    paginator = BoundedPaginator
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
        """Import what was chosen once more, oldest first, no more than a few pages at once."""
        rows = list(queryset.select_related("connection").order_by("received_at")[:MOST_AGAIN])
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


def _file(connection: Connection, form: str) -> StreamingHttpResponse:
    """The variant that each entry became, all of them."""
    rows = rows_of(connection)
    match form:
        case "csv":
            lines, kind = csv_lines(rows), "text/csv; charset=utf-8"
        case "json":
            lines, kind = json_lines(rows), "application/json"
        case _:
            raise Http404
    answer = StreamingHttpResponse(lines, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="entries.{form}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _entries(connection: Connection) -> dict[str, Any]:
    rows, more = synced_page(connection, "", SHOWN)
    there = came_from([row.variant_id for row in rows])
    return {
        "entries": [(row, there.get(row.variant_id)) for row in rows],
        "has_more_entries": bool(more),
    }


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
