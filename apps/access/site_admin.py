"""The admin as somebody sees it who works on some sites only: the others are not there."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.utils import NotRelationField, get_fields_from_path
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from apps.access.models import Site
from apps.access.site_staff import narrowed, path_to_site, sites_of


class OwnRelatedFilter(RelatedFieldListFilter):
    """A filter that offers what is of somebody's sites."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        """Pairs of id and words."""
        rows = narrowed(request.user, field.remote_field.model._default_manager.all())
        return [
            (str(row.pk), str(row)) for row in rows.order_by(*rows.model._meta.ordering or ["pk"])
        ]


class OnOwnSites(admin.ModelAdmin[Any]):
    """Rows of other sites are neither listed, found, offered nor taken. See `on_own_sites`."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Of what the page would show, what is theirs."""
        return narrowed(request.user, super().get_queryset(request))

    def get_field_queryset(
        self, db: str | None, db_field: Any, request: HttpRequest
    ) -> QuerySet[Any] | None:
        """What a form offers to point to."""
        rows = super().get_field_queryset(db, db_field, request)
        target = db_field.remote_field.model
        if sites_of(request.user) is None or path_to_site(target) is None:
            return rows
        return narrowed(request.user, target._default_manager.all() if rows is None else rows)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any
    ) -> Any:
        """What a form offers in fields of its own making, too."""
        form = super().get_form(request, obj, change=change, **options)
        return form if sites_of(request.user) is None else _of_own_sites(form, request.user)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Filters offer no names of other sites."""
        filters = super().get_list_filter(request)
        if sites_of(request.user) is None:
            return filters
        return [self._own_filter(one) for one in filters]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What belongs to no site is for who works on all of them: staff, roles, schedules."""
        return self._is_within(request, obj) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As above; and a site is not made by who works on some."""
        is_site = self.model is Site and sites_of(request.user) is not None
        return not is_site and self._is_within(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As above."""
        return self._is_within(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As above."""
        return self._is_within(request, obj) and super().has_delete_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As above."""
        return self._is_within(request) and super().has_module_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is made on another site, whatever a form has let through.

        Raises:
            PermissionDenied: it would be.
        """
        own = sites_of(request.user)
        site_id = getattr(obj, "site_id", None)
        if own is not None and site_id is not None and site_id not in own:
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def _is_within(self, request: HttpRequest, obj: Any = None) -> bool:
        own = sites_of(request.user)
        if own is None:
            return True
        path = path_to_site(self.model)
        if path is None:
            return False
        return obj is None or obj.pk is None or self._is_own(obj, path, own)

    def _is_own(self, obj: Any, path: str, own: Any) -> bool:
        value = obj
        for step in path.split("__"):
            value = getattr(value, step)
        return value in own

    def _own_filter(self, one: Any) -> Any:
        if not isinstance(one, str):
            return one
        try:
            field: Any = get_fields_from_path(self.model, one)[-1]
        except (FieldDoesNotExist, NotRelationField):
            return one
        is_key = isinstance(field, models.ForeignKey)
        if not is_key or path_to_site(field.remote_field.model) is None:
            return one
        return (one, OwnRelatedFilter)


def _of_own_sites(form: Any, user: Any) -> Any:
    class OwnForm(form):  # type: ignore[misc]  # a class that is made for the request
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            for field in self.fields.values():
                rows = field.queryset if isinstance(field, ModelChoiceField) else None
                if rows is not None and path_to_site(rows.model) is not None:
                    field.queryset = narrowed(user, rows)

    return OwnForm


def on_own_sites(admin_class: type[admin.ModelAdmin[Any]]) -> type[admin.ModelAdmin[Any]]:
    """Return the class of a model's pages with the rule above put before it."""
    if issubclass(admin_class, OnOwnSites):
        return admin_class
    return type(
        admin_class.__name__, (OnOwnSites, admin_class), {"__module__": admin_class.__module__}
    )
