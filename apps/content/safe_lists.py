"""Lists of what editors make: archived instead of deleted, and out of sight until asked for."""

from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from apps.content import revisions
from apps.content.archiving import archive, can_archive
from apps.content.errors import InUse, InvalidContent
from apps.content.revisions import Kind
from apps.work import clock

M = TypeVar("M", bound=models.Model)


class ArchivedFilter(admin.SimpleListFilter):
    """What is in use, unless the archive is asked for."""

    title = "state"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        match self.value():
            case "all":
                return queryset
            case "yes":
                return queryset.filter(archived_at__isnull=False)
            case _:
                return queryset.filter(archived_at__isnull=True)

    def choices(self, changelist: Any) -> Any:
        chosen = self.value()
        for value, words in ((None, "In use"), *self.lookup_choices):
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": query, "display": words}


class NeverDeletes(admin.ModelAdmin[M]):
    """Objects that are archived instead of deleted: others may stand on them."""

    @property
    def kept_kind(self) -> Kind | None:
        """The kind of history that these objects have, if they have one."""
        return revisions.kind_of(self.model)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has a history is archived: others may stand on it."""
        return self.kept_kind is None and super().has_delete_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is archived is only looked at, until it is brought back."""
        is_archived = getattr(obj, "archived_at", None) is not None
        return not is_archived and self.may_change(request)

    def may_change(self, request: HttpRequest) -> bool:
        """Tell whether the role may change such objects, archived or not."""
        return super().has_change_permission(request)

    def get_list_filter(self, request: HttpRequest) -> Any:
        given = super().get_list_filter(request)
        return (ArchivedFilter, *given) if self._is_archivable() else given

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Archived objects are not offered where one is chosen."""
        match = request.resolver_match
        if match is not None and match.url_name == "autocomplete" and self._is_archivable():
            queryset = queryset.filter(archived_at__isnull=True)
        return super().get_search_results(request, queryset, search_term)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self._is_archivable() and self.may_change(request):
            actions["archive_selected"] = (_archive_selected, "archive_selected", "Archive")
        return actions

    def _is_archivable(self) -> bool:
        kind = self.kept_kind
        return kind is not None and can_archive(kind.name)


def _archive_selected(
    model_admin: NeverDeletes[Any], request: HttpRequest, queryset: models.QuerySet[Any]
) -> None:
    """Archive what nothing uses; say of the rest what uses it, and where that is shown."""
    kind = model_admin.kept_kind
    assert kind is not None
    done = 0
    user: Any = request.user
    for row in queryset.filter(archived_at__isnull=True):
        try:
            archive(kind.name, row.pk, user, clock.now())
        except InUse as error:
            messages.error(
                request,
                format_html(
                    '{} <a href="{}">Look where</a>',
                    str(error),
                    reverse("admin:usage", args=[kind.name, row.pk]),
                ),
            )
        except InvalidContent as error:
            messages.error(request, f"{row}: {error}")
        else:
            done += 1
    if done:
        words = "1 was archived" if done == 1 else f"{done} were archived"
        messages.success(request, f"{words}; publish to use the change.")
