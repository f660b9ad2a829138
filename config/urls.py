"""Every address of the server. Apps mount theirs at the root: public clients drop any prefix."""

from importlib import import_module
from typing import Final

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from apps.access.errors import NotFound
from apps.access.http import HotView, hot
from apps.content.asset_views import media

API_PREFIXES: Final = ("v1/", "v2/", "ofrep/", "opendsr/", "spaces/")

# Modules of addresses; the showcase's only where it is installed.
_OFFERING: Final = [
    "apps.events.urls",
    "apps.consent.urls",
    "apps.profiles.urls",
    "apps.segments.urls",
    "apps.recommendations.urls",
    "apps.delivery.urls",
    "apps.integrations.urls",
    "apps.privacy.urls",
    *(["apps.demo.urls"] if apps.is_installed("apps.demo") else []),
]


@hot(route="unknown")
def unknown_path(request: HttpRequest) -> HttpResponse:
    """Any other path under an API prefix: a problem, never an HTML page."""
    raise NotFound()


def _guarded(patterns: list[URLPattern | URLResolver], prefix: str = "") -> None:
    """Give each view under an API prefix that is not hot the same chain: CORS, ids, refusals."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            _guarded(pattern.url_patterns, route)
        elif route.startswith(API_PREFIXES) and not hasattr(pattern.callback, "answer"):
            pattern.callback = hot(route=route)(pattern.callback)


urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include(name)) for name in _OFFERING),
    path("", include("config.documents")),
    re_path(r"^(?:v1|v2|ofrep|opendsr)(?:/|$)", unknown_path),
    re_path(r"^media/(?P<digest>[0-9a-f]{64})/(?P<spec>[0-9a-z-]{1,40})$", media, name="media"),
    path("admin/", admin.site.urls),
]
_guarded(urlpatterns)

handler400 = "config.trouble.bad_request"
handler500 = "config.trouble.server_error"

# Exact paths of hot views, for config/wsgi.py; the slashed form leads to the same view.
HOT: Final[dict[str, HotView]] = {f"/{prefix[:-1]}": unknown_path for prefix in API_PREFIXES}
for _name in (*_OFFERING, "config.documents"):
    for _path, _view in getattr(import_module(_name), "HOT_ROUTES", {}).items():
        HOT[_path] = HOT[f"{_path}/"] = _view
