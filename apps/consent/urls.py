"""Addresses of consent, mounted at the root."""

from typing import Final

from django.urls import path

from apps.access.http import HotView
from apps.consent import api

HOT_ROUTES: Final[dict[str, HotView]] = {
    "/v1/consent": api.consent,
    "/.well-known/gpc.json": api.gpc_support,
}

urlpatterns = [
    *(path(route.removeprefix("/"), view) for route, view in HOT_ROUTES.items()),
    *(path(f"{route.removeprefix('/')}/", view) for route, view in HOT_ROUTES.items()),
]
