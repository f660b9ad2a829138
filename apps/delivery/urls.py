"""Addresses of delivery, mounted at the root. The slashed form leads to the same view."""

from typing import Final

from django.urls import path, re_path

from apps.access.http import HotView
from apps.delivery import api

HOT_ROUTES: Final[dict[str, HotView]] = {
    "/v1/decide": api.decide,
    "/v1/exposures": api.exposures,
    "/v1/conversions": api.conversions,
}

urlpatterns = [
    *(path(route.removeprefix("/"), view) for route, view in HOT_ROUTES.items()),
    *(path(f"{route.removeprefix('/')}/", view) for route, view in HOT_ROUTES.items()),
    re_path(r"^v1/content/(?P<placement>[^/]{1,100})/?$", api.content),
]
