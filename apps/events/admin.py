"""Staff pages: what waits in quarantine, and which event names a site declares."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.events import services
from apps.events.models import EventSchema, IntakeMinute, Quarantine
from apps.work import clock
from apps.work.paging import BoundedPaginator


class QuarantineForm(forms.ModelForm[Quarantine]):
    class Meta:
        model = Quarantine
        fields = ("body",)
        widgets = {"body": forms.Textarea(attrs={"rows": 18, "cols": 90, "spellcheck": "false"})}


@admin.register(Quarantine)
class QuarantineAdmin(admin.ModelAdmin[Quarantine]):
    """Refused events: read the reason, repair the body, replay or discard."""

    form = QuarantineForm
    list_display = ("received_at", "code", "detail", "site", "source", "message_id", "state")
    list_filter = ("state", "code", "site", "source", "received_at")
    list_select_related = ("site", "source__site")
    search_fields = ("message_id", "=id")
    search_help_text = "A message id, or the id of the entry."
    ordering = ("-received_at",)
    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    actions = ("replay_selected", "discard_selected")
    readonly_fields = (
        "code", "detail", "site", "source", "message_id", "received_at", "state", "resolved_at",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Quarantine | None = None) -> tuple[str, ...]:
        # A body holds what a visitor sent: it is for those who may repair it, not for every reader.
        return (*self.readonly_fields, *(["body"] if self._may_repair(request, obj) else []))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Quarantine | None = None) -> bool:
        return False  # discarding forgets the body and keeps the count

    def get_readonly_fields(
        self, request: HttpRequest, obj: Quarantine | None = None
    ) -> tuple[str, ...]:
        waits = obj is None or obj.state == Quarantine.State.WAITING
        return self.readonly_fields if waits else (*self.readonly_fields, "body")

    def save_model(self, request: HttpRequest, obj: Quarantine, form: Any, change: bool) -> None:
        if "body" in form.changed_data:
            services.repair(obj.pk, obj.body, _staff(request), clock.now())

    @admin.action(description="Replay the selected events", permissions=["change"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        result = services.replay(ids, _staff(request), clock.now())
        if result.stored:
            self.message_user(request, f"{result.stored} stored.", messages.SUCCESS)
        if result.refused:
            self.message_user(
                request,
                f"{result.refused} refused again: the reason in the list is the new one.",
                messages.WARNING,
            )
        if result.without_consent:
            self.message_user(
                request,
                f"{result.without_consent} discarded: there is no consent to store them.",
                messages.WARNING,
            )
        untouched = len(ids) - result.stored - result.refused - result.without_consent
        if untouched:
            self.message_user(request, f"{untouched} did not wait any more.", messages.INFO)

    @admin.action(description="Discard the selected events", permissions=["change"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = services.discard(ids, _staff(request), clock.now())
        self.message_user(request, f"{count} discarded.", messages.SUCCESS)

    def _may_repair(self, request: HttpRequest, obj: Quarantine | None) -> bool:
        return super().has_change_permission(request, obj)


@admin.register(EventSchema)
class EventSchemaAdmin(admin.ModelAdmin[EventSchema]):
    """The tracking plan: names that were observed, and those that are declared."""

    list_display = ("name", "site", "is_declared", "first_seen_at")
    list_filter = ("site", "is_declared")
    list_select_related = ("site",)
    search_fields = ("name",)
    ordering = ("site", "name")
    fields = ("site", "name", "is_declared")
    actions = ("declare_selected", "withdraw_selected")

    def get_readonly_fields(
        self, request: HttpRequest, obj: EventSchema | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("site", "name")

    def save_model(self, request: HttpRequest, obj: EventSchema, form: Any, change: bool) -> None:
        if not change:
            obj.first_seen_at = clock.now()
        super().save_model(request, obj, form, change)

    @admin.action(description="Declare the selected names", permissions=["change"])
    def declare_selected(self, request: HttpRequest, queryset: QuerySet[EventSchema]) -> None:
        self._set_declared(request, queryset, is_declared=True)

    @admin.action(description="Take the selected names out of the plan", permissions=["change"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[EventSchema]) -> None:
        self._set_declared(request, queryset, is_declared=False)

    def _set_declared(
        self, request: HttpRequest, queryset: QuerySet[EventSchema], *, is_declared: bool
    ) -> None:
        by_site: dict[Any, list[str]] = {}
        for site_id, name in queryset.values_list("site_id", "name"):
            by_site.setdefault(site_id, []).append(name)
        count = sum(
            services.declare_names(
                site_id, names, is_declared=is_declared, actor=_staff(request), now=clock.now()
            )
            for site_id, names in by_site.items()
        )
        self.message_user(request, f"{count} changed.", messages.SUCCESS)


@admin.register(IntakeMinute)
class IntakeMinuteAdmin(admin.ModelAdmin[IntakeMinute]):
    """Counts by minute, to be read only."""

    list_display = (
        "minute", "site", "accepted", "duplicates", "rejected", "without_consent", "erased",
    )  # fmt: skip
    list_filter = ("site", "minute")
    list_select_related = ("site",)
    ordering = ("-minute",)
    show_full_result_count = False
    paginator = BoundedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: IntakeMinute | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: IntakeMinute | None = None) -> bool:
        return False


def _staff(request: HttpRequest) -> Any:
    """The admin lets nobody anonymous in, which the type of a request cannot know."""
    return request.user
