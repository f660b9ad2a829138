"""Addresses of the API's own documents and of the server's health."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from apps.delivery import health, metrics
from config.error_codes import meanings, status_of

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>{}</h1><dl>{}</dl><p><a href="/docs/">API</a></p></body></html>
"""
_HOOKS = [
    "drf_spectacular.hooks.postprocess_schema_enums",
    "config.openapi.add_hot_paths",
]


def errors(request: HttpRequest, code: str = "") -> HttpResponse:
    """/docs/errors/ and /docs/errors/{code}: where the `type` of a problem leads."""
    known = meanings()
    if code and code not in known:
        raise Http404
    shown = [code] if code else list(known)
    rows = format_html_join(
        "\n", '<dt id="{}">{} ({})</dt><dd>{}</dd>', ((c, c, status_of(c), known[c]) for c in shown)
    )
    title = code.replace("_", " ").capitalize() if code else "Error codes"
    return HttpResponse(format_html(_PAGE, title, title, rows))


urlpatterns = [
    path(
        "v1/openapi.json",
        SpectacularJSONAPIView.as_view(custom_settings={"POSTPROCESSING_HOOKS": _HOOKS}),
        name="openapi",
    ),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("docs/errors/", errors, name="errors"),
    path("docs/errors/<slug:code>", errors, name="error"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
HOT_ROUTES = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": metrics.metrics}
