"""The inbox of requests: what waits, until when, and the page of each."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.privacy import bulk, bulk_page, request_page, statistics_page
from apps.privacy.due_words import due_of
from apps.privacy.models.requests import OPEN, BulkAction, Request, RequestEvent
from apps.privacy.request_words import EVENTS
from apps.work import clock
from apps.work.paging import BoundedPaginator
from apps.work.sealed_admin import SealedAdmin
from engine.errors import PersonalizationError

LEVELS: Final = {
    "received": "info",
    "verifying": "info",
    "approved": "info",
    "in_progress": "info",
    "failed": "bad",
    "completed": "ok",
    "refused": "plain",
    "cancelled": "plain",
}


class WaitingFilter(admin.SimpleListFilter):
    """What there is to do; without a choice, all that is open."""

    title = "show"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The choices beside "open"."""
        return [
            ("verify", "To be verified"),
            ("decide", "To be decided"),
            ("late", "Late"),
            ("ended", "Ended"),
            ("all", "All"),
        ]

    def choices(self, changelist: Any) -> Any:
        """As of any filter, but that the first choice is "open" and not "all"."""
        for place, choice in enumerate(super().choices(changelist)):
            yield {**choice, "display": "Open"} if place == 0 else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Request]) -> QuerySet[Request]:
        """The rows of the choice."""
        if self.value() == "all":
            return queryset
        if self.value() == "ended":
            return queryset.exclude(state__in=OPEN)
        rows = queryset.filter(state__in=OPEN)
        undecided = Q(state__in=(Request.State.RECEIVED, Request.State.VERIFYING))
        if self.value() == "verify":
            return rows.filter(undecided, verified_at=None)
        if self.value() == "decide":
            return rows.filter(undecided).exclude(verified_at=None)
        if self.value() == "late":
            return rows.filter(due_on__lt=clock.now().date())
        return rows


@admin.register(Request)
class RequestAdmin(admin.ModelAdmin[Request]):
    """Requests of people about their data. What can be done with one is on its page."""

    list_display = ("public_ref", "due", "asks", "standing", "received_at", "route", "site")
    list_filter = (WaitingFilter, "kind", "regulation", "route", "site")
    list_select_related = ("site",)
    list_per_page = 50
    ordering = ("due_on", "pk")
    search_fields = ("public_ref",)
    search_help_text = (
        "A reference, such as R-7KQ2-9XMD. People are never searched for by name here."
    )
    paginator = BoundedPaginator
    show_full_result_count = False
    actions = ("together",)
    change_list_template = "admin/privacy/requests.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: rows go by themselves, two years after they ended."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """With the page of figures."""
        view = self.admin_site.admin_view(self.statistics)
        return [path("statistics/", view, name="privacy_statistics"), *super().get_urls()]

    def statistics(self, request: HttpRequest) -> HttpResponse:
        """/admin/privacy/request/statistics/: how many, how fast, how many late."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return statistics_page.page(request, self.get_queryset(request))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A request that came by letter, by telephone or at the counter."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return request_page.add(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one request."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return request_page.show(request, found, self.has_change_permission(request, found))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The log stands on the page itself."""
        return redirect("admin:privacy_request_change", object_id)

    @admin.action(
        description="Put together for a second officer (erase or hand out)", permissions=["change"]
    )
    def together(self, request: HttpRequest, queryset: QuerySet[Request]) -> HttpResponse | None:
        """Ask another officer to let several verified requests be carried out at once."""
        user: Any = request.user
        try:
            asked = bulk.ask(
                request_ids=list(queryset.values_list("pk", flat=True)),
                reason=f"{queryset.count()} requests chosen in the inbox",
                actor=user,
                now=clock.now(),
            )
        except PersonalizationError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        return redirect("admin:privacy_bulkaction_change", asked.pk)

    @admin.display(description="Asks for", ordering="kind")
    def asks(self, request: Request) -> str:
        """What, and under which law."""
        words = request.get_kind_display().partition(":")[0]
        return f"{words} ({request.get_regulation_display()})"

    @admin.display(description="State", ordering="state")
    def standing(self, request: Request) -> SafeString:
        """The state in its colour; of one that waits to be decided, that."""
        words = request.get_state_display()
        if request.state == Request.State.VERIFYING and request.verified_at is not None:
            words = "To be decided"
        return format_html(
            '<span class="badge is-{}">{}</span>', LEVELS.get(request.state, "plain"), words
        )

    @admin.display(description="Due", ordering="due_on")
    def due(self, request: Request) -> SafeString:
        """How much of the time is over, as a bar and in words."""
        return due_cell(request, clock.now())


def due_cell(request: Request, now: datetime) -> SafeString:
    """The bar of a request's clock and its words."""
    due = due_of(request, now)
    return format_html(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="area" width="100" height="8"/><rect class="is-{}" width="{}" height="8"/>'
        '</svg><span class="due-words">{}</span>',
        due.level,
        due.over_pct,
        due.words,
    )


@admin.register(BulkAction)
class BulkActionAdmin(admin.ModelAdmin[BulkAction]):
    """What one officer wants to do to several people, and another one decides."""

    list_display = ("asked_at", "kind", "standing", "asked_by", "site")
    list_filter = ("state", "kind", "site")
    list_select_related = ("site", "asked_by")
    ordering = ("-asked_at",)
    change_list_template = "admin/privacy/bulks.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are put together in the inbox."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page on which the second officer decides."""
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return bulk_page.show(request, found, self.has_change_permission(request, found))

    @admin.display(description="State", ordering="state")
    def standing(self, asked: BulkAction) -> SafeString:
        """The state in its colour."""
        level = {"waiting": "warn", "approved": "ok"}.get(asked.state, "plain")
        return format_html('<span class="badge is-{}">{}</span>', level, asked.get_state_display())


@admin.register(RequestEvent)
class RequestEventAdmin(SealedAdmin):
    """The log of all requests: sealed, and checked every night."""

    ledger = "requests"
    list_display = ("at", "reference", "happened", "state_then", "who", "site")
    list_filter = ("kind", "site")
    list_select_related = ("site",)
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = ("at", "reference", "happened", "state_then", "who", "detail", "site")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestEvent]:
        """With the reference of each request that is still kept."""
        kept = Request.objects.filter(pk=OuterRef("request_id")).values("public_ref")
        rows: QuerySet[RequestEvent] = super().get_queryset(request)
        return rows.annotate(public_ref=Subquery(kept))

    @admin.display(description="Request")
    def reference(self, event: RequestEvent) -> SafeString:
        """The request, for as long as it is kept."""
        words = getattr(event, "public_ref", None)
        if words is None:
            return format_html("gone ({})", str(event.request_id)[-8:])
        return format_html('<a href="{}">{}</a>', address_of(event.request_id), words)

    @admin.display(description="What happened", ordering="kind")
    def happened(self, event: RequestEvent) -> str:
        """In the words of the request's page."""
        return EVENTS.get(event.kind, event.kind)

    @admin.display(description="State then")
    def state_then(self, event: RequestEvent) -> str:
        """The state that the request was in after it."""
        return dict(Request.State.choices).get(event.state, event.state)

    @admin.display(description="Who")
    def who(self, event: RequestEvent) -> str:
        """The officer, the person, or the system."""
        return event.actor_label


def address_of(request_id: UUID) -> str:
    """The page of a request."""
    return reverse("admin:privacy_request_change", args=[request_id])
