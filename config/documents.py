"""Addresses of the API's own documents and of the server's health."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.delivery import health

urlpatterns = [
    path("v1/openapi.json", SpectacularAPIView.as_view(), name="openapi"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
HOT_ROUTES = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": health.metrics}
