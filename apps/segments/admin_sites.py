"""Which site a new segment, list, trait or persona is of: nobody is asked where there is one."""

from typing import Any, TypeVar
from urllib.parse import parse_qs

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from apps.access.selectors import only_site

M = TypeVar("M", bound=models.Model)


class BeginsAtSite(admin.ModelAdmin[M]):
    """The form of a new object begins with the site that its list showed, or with the only one."""

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        if initial.get("site"):
            return initial
        shown = parse_qs(request.GET.get("_changelist_filters", "")).get("site__id__exact")
        site = shown[0] if shown else only_site()
        return initial if site is None else initial | {"site": site}
