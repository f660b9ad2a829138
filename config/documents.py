"""Addresses of the API's own documents and of the server's health."""

import hashlib
from functools import cache
from threading import Lock
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html, format_html_join
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.access.http import hot
from apps.delivery import health, metrics
from apps.delivery.api import not_changed
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


_ITS_TYPE: Final = "application/vnd.oai.openapi+json"
_making = Lock()


class _Document(NamedTuple):
    """The OpenAPI document as it is sent, and its ETag."""

    body: bytes
    etag: str


@cache
def _document() -> _Document:
    with patched_settings({"POSTPROCESSING_HOOKS": _HOOKS}):
        generator: Any = SchemaGenerator  # the package has no types
        schema = generator().get_schema(request=None, public=True)
    body: bytes = OpenApiJsonRenderer().render(schema, renderer_context={})
    return _Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@hot("GET", route="openapi")
def openapi(request: HttpRequest) -> HttpResponse:
    """GET /v1/openapi.json. The code is all that it depends on: it is made once a process."""
    with _making:  # the settings are patched for the whole process
        made = _document()
    response = not_changed(request, made.etag)
    if response is None:
        is_plain = _ITS_TYPE not in request.META.get("HTTP_ACCEPT", "")
        type_ = "application/json" if is_plain else _ITS_TYPE
        response = HttpResponse(made.body, content_type=type_)
    response["ETag"] = made.etag
    response["Cache-Control"] = "public, max-age=300"
    response["Vary"] = "Accept"
    return response


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
    path("v1/openapi.json", openapi, name="openapi"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("docs/errors/", errors, name="errors"),
    path("docs/errors/<slug:code>", errors, name="error"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
HOT_ROUTES = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": metrics.metrics}
