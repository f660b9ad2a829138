"""Which site a new object belongs to: nobody is asked where there is nothing to choose."""

from typing import Any, TypeVar
from urllib.parse import parse_qs

from django.db import models
from django.http import HttpRequest

from apps.content.safe_admin import SafeAdmin

M = TypeVar("M", bound=models.Model)


class BeginsAtSite(SafeAdmin[M]):
    """The form of a new object begins with the site that its list showed, or with the only one."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        if initial.get("site"):
            return initial
        shown = parse_qs(request.GET.get("_changelist_filters", "")).get("site__id__exact")
        if shown:
            return initial | {"site": shown[0]}
        # Sites belong to the app below and are reached through our own relation to them.
        sites = self.model._meta.get_field("site").related_model._default_manager  # type: ignore[union-attr]  # a foreign key
        found = list(sites.values_list("pk", flat=True)[:2])
        return initial | {"site": found[0]} if len(found) == 1 else initial
