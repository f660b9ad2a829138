"""Addresses of integrations, mounted at the root."""

from django.urls import path

from apps.integrations import api

urlpatterns = [
    path("v1/hooks/<uuid:connection_id>", api.hook),
    path("v1/hooks/<uuid:connection_id>/", api.hook),
]
