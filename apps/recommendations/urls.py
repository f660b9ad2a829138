"""The address of the catalogue, mounted at the root."""

from typing import Final

from django.urls import path

from apps.access.http import HotView
from apps.recommendations import api

HOT_ROUTES: Final[dict[str, HotView]] = {"/v1/items": api.items}

urlpatterns = [path("v1/items", api.items), path("v1/items/", api.items)]
