"""Addresses of consent, mounted at the root."""

from typing import Final

from django.urls import path

from apps.access.http import HotView
from apps.consent import api

HOT_ROUTES: Final[dict[str, HotView]] = {"/v1/consent": api.consent}

urlpatterns = [path("v1/consent", api.consent), path("v1/consent/", api.consent)]
