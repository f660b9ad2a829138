"""Editors' pages for rules: who gets which variant, said in words. The draft only."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.text import Truncator

from apps.rules import admin_views
from apps.rules.findings import findings_of, written
from apps.rules.forms import RuleForm
from apps.rules.models import Rule
from apps.work import clock
from engine.conditions.describe import describe
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition


def condition_words(rule: Rule) -> str:
    """Return the rule's condition in plain English, or why it cannot be read."""
    try:
        return describe(parse_condition(rule.condition))
    except InvalidCondition as error:
        return f"refused at {error}"


def schedule_words(rule: Rule, now: datetime) -> str:
    """Return whether the rule takes part now."""
    if not rule.is_enabled:
        return "off"
    if rule.starts_at is not None and now < rule.starts_at:
        return f"starts {rule.starts_at:%d %b %Y %H:%M} UTC"
    if rule.ends_at is None:
        return "on"
    if now >= rule.ends_at:
        return f"ended {rule.ends_at:%d %b %Y %H:%M} UTC"
    return f"on until {rule.ends_at:%d %b %Y %H:%M} UTC"


def _placement_label(placement: Any) -> str:
    named = placement.name != placement.key
    return f"{placement.key} ({placement.name})" if named else str(placement.key)


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin[Rule]):
    """Rules, in the order in which a placement asks them."""

    form = RuleForm
    list_display = ("name", "placement", "variant", "words", "priority", "schedule", "site")
    list_filter = ("site", "is_enabled", "placement")
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
        ("Schedule", {"fields": [("starts_at", "ends_at"), "is_enabled"]}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        return ("in_words", "findings") if obj is None else ("in_words", "findings", "site")

    def get_urls(self) -> list[URLPattern]:
        """With the JSON that the editor of the condition asks for."""
        view = self.admin_site.admin_view
        return [
            path("editor/schema/", view(admin_views.schema), name="rules_rule_schema"),
            path("editor/live/", view(admin_views.live), name="rules_rule_live"),
            *super().get_urls(),
        ]

    def get_form(
        self, request: HttpRequest, obj: Rule | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Rule]]:
        """Offer only placements that a block fills, and only variants of such blocks."""
        form = super().get_form(request, obj, change=change, **kwargs)
        placement, variant = form.base_fields.get("placement"), form.base_fields.get("variant")
        if isinstance(placement, forms.ModelChoiceField):
            filled = placement.queryset.filter(block__isnull=False).order_by("site", "key")  # type: ignore[union-attr]  # a model form's choices have a queryset
            if obj is not None:
                filled = filled.filter(site_id=obj.site_id)
            placement.queryset = filled
            placement.label_from_instance = _placement_label  # type: ignore[method-assign,assignment]  # Django's documented hook, per instance
            if isinstance(variant, forms.ModelChoiceField):
                variant.queryset = (
                    variant.queryset.filter(block__placements__in=filled)  # type: ignore[union-attr]  # as above
                    .select_related("block")
                    .order_by("block__name", "-is_default", "name")
                    .distinct()
                )
                variant.label_from_instance = lambda item: f"{item.block.name} / {item.name}"  # type: ignore[method-assign,assignment]  # as above
        return form

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

    @admin.display(description="For visitors who")
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
        changed = queryset.exclude(is_enabled=is_enabled).update(is_enabled=is_enabled)
        word = "on" if is_enabled else "off"
        self.message_user(request, f"{changed} rules switched {word}; publish to use the change.")
