"""Editors' pages for rules: who gets which variant, said in words. The draft only."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.text import Truncator

from apps.content.admin_script import PAGE_SCRIPT
from apps.content.safe_admin import SafeAdmin
from apps.rules import admin_views, trigger_admin
from apps.rules.findings import findings_of, written
from apps.rules.forms import RuleForm
from apps.rules.models import Rule
from apps.rules.ordering import switch
from apps.rules.presets import PRESETS, preset
from apps.rules.words import condition_words, schedule_words
from apps.work import clock
from engine.errors import InvalidCondition

__all__ = ["RuleAdmin", "trigger_admin"]


@admin.register(Rule)
class RuleAdmin(SafeAdmin[Rule]):
    """Rules, in the order in which a placement asks them."""

    class Media:
        css: ClassVar = {"all": ("admin-attune/block/block.css",)}
        js: ClassVar = (PAGE_SCRIPT,)

    form = RuleForm
    list_display = ("name", "placement", "variant", "words", "priority", "schedule", "site")
    list_filter = ("site", "is_enabled")
    list_select_related = ("site", "placement", "variant")
    list_per_page = 50
    search_fields = ("key", "name", "placement__key", "variant__name")
    ordering = ("site", "placement__key", "-priority", "key")
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": [("name", "key"), "site"]}),
        ("What it serves", {"fields": [("placement", "variant"), "priority"]}),
        ("When it applies", {"fields": ["condition", "in_words", "findings"]}),
        ("How often", {"fields": ["caps"]}),
        ("What for", {"fields": ["purpose"]}),
        ("Schedule", {"fields": [("starts_at", "ends_at"), "is_enabled"]}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        return ("in_words", "findings") if obj is None else ("in_words", "findings", "site")

    def get_urls(self) -> list[URLPattern]:
        """With the JSON that the form asks for."""
        view = self.admin_site.admin_view
        return [
            path("editor/schema/", view(admin_views.schema), name="rules_rule_schema"),
            path("editor/live/", view(admin_views.live), name="rules_rule_live"),
            path("editor/people/", view(admin_views.people), name="rules_rule_people"),
            path("editor/variants/", view(admin_views.variants), name="rules_rule_variants"),
            *super().get_urls(),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an address may fill in: `preset`, beside the names of fields."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        chosen = preset(str(initial.pop("preset", "")))
        if chosen is not None:
            initial |= {"name": chosen.name, "key": chosen.key, "condition": chosen.condition}
        return initial

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """With conditions to start from."""
        shown = {
            "presets": PRESETS,
            "preset": preset(request.GET.get("preset", "")),
            "site_asked": request.GET.get("site", ""),
            **(extra_context or {}),
        }
        return super().add_view(request, form_url, shown)

    @admin.display(description="In plain words")
    def in_words(self, rule: Rule) -> str:
        return "said here once the rule is saved" if rule._state.adding else condition_words(rule)

    @admin.display(description="Look again")
    def findings(self, rule: Rule) -> str:
        """What can be said against the saved rule among those of its placement."""
        if rule._state.adding:
            return "said here once the rule is saved"
        try:
            found = findings_of(rule.site_id, written(rule))
        except InvalidCondition as error:
            return f"refused at {error}"
        lines = ((one.severity.value, one.text) for one in found)
        return format_html_join("", '<div class="finding is-{}">{}</div>', lines) or "-"

    @admin.display(description="For")
    def words(self, rule: Rule) -> str:
        return Truncator(condition_words(rule)).chars(120)

    @admin.display(description="Now")
    def schedule(self, rule: Rule) -> str:
        return schedule_words(rule, clock.now())

    @admin.action(description="Switch on", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, is_enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._switch(request, queryset, is_enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Rule], *, is_enabled: bool) -> None:
        now, actor = clock.now(), request.user if request.user.is_authenticated else None
        word = "on" if is_enabled else "off"
        # In one order, so that two editors' lists do not wait for each other in a circle.
        changed = list(queryset.exclude(is_enabled=is_enabled).order_by("pk"))
        for rule in changed:
            switch(
                site_id=rule.site_id, rule_id=rule.pk, is_enabled=is_enabled, actor=actor, now=now
            )
        text = f"{len(changed)} rules switched {word}; publish to use the change."
        self.message_user(request, text, messages.INFO)
