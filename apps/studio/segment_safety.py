"""The same safety for forms of apps that lie below content and cannot ask for it."""

from typing import Any, Final

from django.contrib import admin
from django.db import models

from apps.content.revisions import register_kind
from apps.content.revisions_rows import Shape, rows_kind
from apps.content.safe_admin import SafeAdmin

# The label of a model -> what its history is called, None for forms whose text is only kept.
_KINDS: Final = {
    "segments.segment": ("segment", "Segment"),
    "segments.persona": ("persona", "Persona"),
    "segments.computedtrait": None,
    "recommendations.recommender": None,
    "predictions.modelspec": None,
    "consent.noticeversion": None,
    "access.site": None,
}
# What segments do by themselves: versions and the archive are theirs.
_NOT_DRAFT: Final = frozenset({"created_at", "is_archived", "is_hidden"})


def register() -> None:
    """Register their kinds of history; called once, when the studio is ready."""
    for label, kind in _KINDS.items():
        if kind is not None:
            register_kind(rows_kind(*kind, label, Shape(left_out=_NOT_DRAFT)))


def made_safe(
    model: type[models.Model], admin_class: type[admin.ModelAdmin[Any]]
) -> type[admin.ModelAdmin[Any]]:
    """Return the class of such a form on the base of the editors' forms; others as they are.

    Its own methods come first, and what they do not say is asked of the base.
    """
    if model._meta.label_lower not in _KINDS or issubclass(admin_class, SafeAdmin):
        return admin_class
    return type(f"Safe{admin_class.__name__}", (admin_class, SafeAdmin), {})
