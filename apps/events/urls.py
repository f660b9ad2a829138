"""Addresses of intake. The slashed form leads to the same view: a redirect would lose a POST."""

from typing import Final

from django.urls import path, re_path

from apps.access.http import HotView
from apps.events import api, mparticle

HOT_ROUTES: Final[dict[str, HotView]] = {
    **{f"/v1/{name}": api.batch for name in ("batch", "b", "import")},
    **{f"/v1/{name}": view for name, view in api.SINGLES.items()},
    **{f"/v1/{name[0]}": view for name, view in api.SINGLES.items()},
    "/v1/m": api.library_metrics,
    "/v2/events": mparticle.events,
    "/v2/bulkevents": mparticle.bulk_events,
}

urlpatterns = [
    *(path(route.removeprefix("/"), view) for route, view in HOT_ROUTES.items()),
    *(path(f"{route.removeprefix('/')}/", view) for route, view in HOT_ROUTES.items()),
    re_path(r"^v1/pixel/(?P<type>[a-z]{1,20})/?$", api.pixel),
    re_path(r"^v1/projects/(?P<write_key>[^/]{1,200})/settings/?$", api.library_settings),
]
