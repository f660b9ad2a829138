"""Editors' pages for triggers: what happens when somebody comes into a segment, and what did."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from apps.access.selectors import needs_approval
from apps.access.services import record_audit
from apps.access.site_staff import narrowed
from apps.access.site_time import wall_clock, zone_of
from apps.content.admin_script import PAGE_SCRIPT
from apps.content.revisions import changing
from apps.content.safe_admin import SafeAdmin
from apps.rules import webhooks
from apps.rules.errors import InvalidRule
from apps.rules.models import Firing, Trigger
from apps.rules.trigger_eyes import is_own_work
from apps.rules.trigger_forms import TriggerForm
from apps.rules.trigger_words import state_words, trigger_words
from apps.rules.triggers import STARTS, begin_with, check_trigger, number_trigger, settle_cap
from apps.work import clock

SHOWN = 50  # firings on the page of a trigger


@admin.register(Trigger)
class TriggerAdmin(SafeAdmin[Trigger]):
    """Triggers, with what came of them today."""

    class Media:
        css: ClassVar = {"all": ("admin-attune/block/block.css",)}
        js: ClassVar = (PAGE_SCRIPT,)

    form = TriggerForm
    list_display = ("name", "sentence", "state", "today", "site")
    list_filter = ("site", "is_enabled")
    list_select_related = ("site", "segment", "placement", "variant")
    list_per_page = 50
    search_fields = ("key", "name", "segment__name", "segment__key")
    ordering = ("site", "name")
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": [("name", "key"), "site"]}),
        ("When", {"fields": [("on", "segment"), "for_ms"]}),
        (
            "Then",
            {
                "fields": [
                    ("placement", "variant"),
                    "priority",
                    "message",
                    ("webhook_address", "recipient"),
                ]
            },
        ),
        ("What for", {"fields": ["purpose"]}),
        ("How often", {"fields": [("most", "window_ms"), "cooldown_ms", "most_per_minute"]}),
        ("Schedule", {"fields": [("starts_at", "ends_at"), "is_enabled"]}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Trigger | None = None) -> Any:
        return () if obj is None else ("site",)

    def get_urls(self) -> list[URLPattern]:
        """With the starts, and the button beneath what has stopped by itself."""
        view = self.admin_site.admin_view
        return [
            path("start/", view(self.start_view), name="rules_trigger_start"),
            path("<uuid:trigger_id>/resume/", view(self.resume_view), name="rules_trigger_resume"),
            *super().get_urls(),
        ]

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trigger]:
        """With whether the segment is published, and how often it fired today. One query."""
        midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        same = Trigger.objects.filter(pk=OuterRef("pk"), segment__versions__state="live")
        firings = Firing.objects.filter(
            trigger=OuterRef("pk"), at__gte=midnight, outcome=Firing.Outcome.FIRED
        )
        counted = firings.order_by().values("trigger").annotate(n=Count("pk")).values("n")
        return (
            super()
            .get_queryset(request)
            .annotate(is_published=Exists(same), fired_today=Subquery(counted))
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With triggers to begin with."""
        shown = {"starts": STARTS, "start_sites": _sites(request), **(extra_context or {})}
        return super().changelist_view(request, shown)

    @admin.display(description="What it does")
    def sentence(self, trigger: Trigger) -> str:
        return trigger_words(trigger)

    @admin.display(description="Now")
    def state(self, trigger: Any) -> str:
        return state_words(trigger, clock.now(), is_published=trigger.is_published)

    @admin.display(description="Fired today (UTC)")
    def today(self, trigger: Any) -> str:
        return f"{trigger.fired_today or 0:,}"

    # The form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """With triggers to begin with."""
        shown = {"starts": STARTS, "start_sites": _sites(request), **(extra_context or {})}
        return super().add_view(request, form_url, shown)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """With what it does as a sentence, what came of it, and what has stopped by itself."""
        shown = {**(extra_context or {})}
        trigger = self.get_object(request, object_id)
        if trigger is not None and self.has_view_permission(request, trigger):
            shown |= _standing(trigger)
        return super().change_view(request, object_id, form_url, shown)

    def save_model(self, request: HttpRequest, obj: Trigger, form: Any, change: bool) -> None:
        """Numbered when it is new, with the cap of what it shows. Switching on resumes it."""
        if not change:
            number_trigger(obj)
        if obj.is_enabled and form.changed_data and needs_approval(obj.site_id):
            obj.is_enabled = False
            messages.warning(
                request,
                "At this site somebody else has to switch it on, in the list of triggers: until "
                "then it does nothing.",
            )
        if "is_enabled" in form.changed_data:
            obj.paused_at = None
        if "webhook_address" in form.changed_data:
            obj.webhook_parked_at, obj.webhook_failures = None, 0
        super().save_model(request, obj, form, change)
        settle_cap(obj)
        _audit("rules.trigger_saved", obj, request, {"isEnabled": obj.is_enabled})

    # Buttons

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """POST `start`, `site`: a segment and a trigger to look over, both drafts."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:rules_trigger_changelist"))
        if not (self.has_add_permission(request) and request.user.has_perm("segments.add_segment")):
            raise PermissionDenied
        try:
            trigger = begin_with(
                site_id=UUID(request.POST.get("site", "")),
                start_key=request.POST.get("start", ""),
                actor=_user(request),
                now=clock.now(),
            )
        except (InvalidRule, ValueError) as error:
            messages.error(request, f"Nothing was made: {error}")
            return HttpResponseRedirect(reverse("admin:rules_trigger_changelist"))
        _audit("rules.trigger_begun", trigger, request, {"start": request.POST.get("start", "")})
        segment = reverse("admin:segments_segment_change", args=[trigger.segment_id])
        messages.success(
            request,
            format_html(
                'A trigger and its segment <a href="{}">{}</a> were made for you to look over. '
                "Publish the segment, say what is to happen, then switch the trigger on.",
                segment,
                trigger.segment.name,
            ),
        )
        return HttpResponseRedirect(reverse("admin:rules_trigger_change", args=[trigger.pk]))

    def resume_view(self, request: HttpRequest, trigger_id: UUID) -> HttpResponse:
        """POST: listen again after the trigger paused itself; call a parked address again."""
        trigger = self.get_object(request, str(trigger_id))
        if trigger is None or not self.has_change_permission(request, trigger):
            raise PermissionDenied
        if request.method == "POST":
            now = clock.now()
            if trigger.paused_at is not None:
                Trigger.objects.filter(pk=trigger.pk).update(paused_at=None)
                messages.success(request, "It listens again. Nothing is made up for.")
            if trigger.webhook_parked_at is not None:
                count = webhooks.take_up_again(trigger, now)
                messages.success(request, f"The address is called again, {count:,} times at first.")
            _audit("rules.trigger_resumed", trigger, request, {})
        return HttpResponseRedirect(reverse("admin:rules_trigger_change", args=[trigger.pk]))

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, is_enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Trigger]) -> None:
        self._switch(request, queryset, is_enabled=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[Trigger], *, is_enabled: bool
    ) -> None:
        now, word, done = clock.now(), "on" if is_enabled else "off", 0
        for trigger in queryset.exclude(is_enabled=is_enabled).order_by("pk"):
            trigger.is_enabled = is_enabled
            try:
                check_trigger(trigger)
            except InvalidRule as error:
                messages.error(request, f"{trigger.name}: {error}")
                continue
            wants_others = is_enabled and needs_approval(trigger.site_id)
            if wants_others and is_own_work(trigger, int(request.user.pk or 0)):
                said = "you wrote some of it, so somebody else has to switch it on."
                messages.error(request, f"{trigger.name}: {said}")
                continue
            note = f"Switched {word}"
            with changing("trigger", trigger.pk, actor=_user(request), now=now, note=note):
                Trigger.objects.filter(pk=trigger.pk).update(is_enabled=is_enabled, paused_at=None)
            _audit("rules.trigger_saved", trigger, request, {"isEnabled": is_enabled})
            done += 1
        text = f"{done} triggers switched {word}. What they show follows the next publication."
        self.message_user(request, text, messages.INFO)


def _standing(trigger: Any) -> dict[str, Any]:
    """What came of a trigger: counts of today, the last firings, what has stopped. Three queries.

    Of people only ids that lead nowhere are shown: who it was is on the page of a profile.
    """
    now = clock.now()
    zone = trigger.site.time_zone
    midnight = now.astimezone(zone_of(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    firings = Firing.objects.filter(trigger=trigger)
    counts = dict(
        firings.filter(at__gte=midnight).values_list("outcome").annotate(n=Count("pk")).order_by()
    )
    webhook_counts = dict(
        firings.filter(at__gte=now - timedelta(days=1))
        .exclude(webhook="")
        .values_list("webhook")
        .annotate(n=Count("pk"))
        .order_by()
    )
    last = firings.order_by("-at")[:SHOWN]
    return {
        "sentence": trigger_words(trigger),
        "state": state_words(trigger, now, is_published=trigger.is_published),
        "needs_resuming": trigger.paused_at is not None or trigger.webhook_parked_at is not None,
        "counts": _named(Firing.Outcome.choices, counts),
        "webhook_counts": _named(Firing.Webhook.choices, webhook_counts),
        "firings": [
            (wall_clock(one.at, zone), one.get_outcome_display(), _webhook_words(one))
            for one in last
        ],
        "zone": zone,
        "secret": trigger.webhook_secret if trigger.webhook_address else "",
        "parked_after": webhooks.PARKED_AFTER,
    }


def _named(choices: Any, counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(label, f"{counts[value]:,}") for value, label in choices if counts.get(value)]


def _webhook_words(firing: Firing) -> str:
    if not firing.webhook:
        return ""
    words = str(firing.get_webhook_display())
    return f"{words} ({firing.error})" if firing.error else words


def _sites(request: HttpRequest) -> list[tuple[str, str]]:
    """The sites for which a trigger can be begun: that of the list's filter first."""
    sites = Trigger._meta.get_field("site").related_model._default_manager
    wanted = request.GET.get("site__id__exact", "")
    own = narrowed(request.user, sites.order_by("name"))
    found = [(str(pk), name) for pk, name in own.values_list("pk", "name")[:50]]
    return sorted(found, key=lambda one: one[0] != wanted)


def _audit(action: str, trigger: Trigger, request: HttpRequest, detail: dict[str, Any]) -> None:
    record_audit(
        action=action,
        actor=_user(request),
        site_id=trigger.site_id,
        target_kind="rules.trigger",
        target_id=str(trigger.pk),
        detail=detail,
        now=clock.now(),
    )


def _user(request: HttpRequest) -> Any:
    return request.user if request.user.is_authenticated else None
