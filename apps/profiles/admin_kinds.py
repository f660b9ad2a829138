"""What each trait of a site is: plain, personal, an identifier or sensitive."""

from typing import Any, Final

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from apps.access import services as access
from apps.profiles.models import TraitKind
from apps.work import clock

EXPLAINED: Final = (
    "Without a mark a trait goes by its name: email, phone, name, first name, address, birthday and"
    " the like are identifiers, every other one is personal. Identifiers and sensitive traits are"
    " kept encrypted: templates show them, conditions can ask whether they are known. What is"
    " stored already follows within minutes."
)


@admin.register(TraitKind)
class TraitKindAdmin(admin.ModelAdmin[TraitKind]):
    """Marks of traits. What is not marked goes by its name."""

    list_display = ["key", "kind", "site"]
    list_filter = ["site", "kind"]
    search_fields = ["key"]
    list_select_related = ["site"]
    fieldsets = [(None, {"fields": ["site", "key", "kind"], "description": EXPLAINED})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Another trait is another mark."""
        return [] if obj is None else ["site", "key"]

    def save_model(
        self, request: HttpRequest, obj: TraitKind, form: ModelForm[TraitKind], change: bool
    ) -> None:
        """Keep it, and write down who says so."""
        super().save_model(request, obj, form, change)
        self._audit(request, obj, "profiles.trait_marked", {"trait": obj.key, "kind": obj.kind})

    def delete_model(self, request: HttpRequest, obj: TraitKind) -> None:
        """Go by its name again."""
        self._audit(request, obj, "profiles.trait_unmarked", {"trait": obj.key})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """One by one: each is written down."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _audit(
        self, request: HttpRequest, obj: TraitKind, action: str, detail: dict[str, str]
    ) -> None:
        access.record_audit(
            action=action,
            actor=request.user if request.user.is_authenticated else None,
            site_id=obj.site_id,
            target_kind="profiles.traitkind",
            target_id=str(obj.pk),
            detail=detail,
            now=clock.now(),
        )
