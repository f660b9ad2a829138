"""Addresses of delivery, mounted at the root. The slashed form leads to the same view."""

from typing import Final

from django.urls import path, re_path

from apps.access.http import HotView
from apps.delivery import api, edge_api, ofrep, recommendations_api, render_api, why
from apps.delivery.previewing import pages, tokens
from apps.delivery.stream import api as stream

HOT_ROUTES: Final[dict[str, HotView]] = {
    "/v1/decide": api.decide,
    "/v1/exposures": api.exposures,
    "/v1/conversions": api.conversions,
    "/v1/previews": tokens.previews,
    "/v1/why": why.why,
    "/v1/render": render_api.render,
    "/v1/render/batch": render_api.batch,
    "/v1/snapshot": edge_api.snapshot,
    "/.well-known/jwks.json": edge_api.keys,
    "/v1/stream/tickets": stream.tickets,
    "/ofrep/v1/evaluate/flags": ofrep.evaluate_all,
}

urlpatterns = [
    *(path(route.removeprefix("/"), view) for route, view in HOT_ROUTES.items()),
    *(path(f"{route.removeprefix('/')}/", view) for route, view in HOT_ROUTES.items()),
    re_path(r"^ofrep/v1/evaluate/flags/(?P<key>[\s\S]+?)/?$", ofrep.evaluate),
    re_path(r"^v1/content/(?P<placement>[^/]{1,100})/?$", edge_api.content),
    re_path(
        r"^v1/recommendations/(?P<recommender>[^/]{1,100})/?$", recommendations_api.recommendations
    ),
    re_path(r"^preview/(?P<token>[\w-]{1,64})/?$", pages.shared, name="shared_preview"),
    re_path(r"^v1/fragments/(?P<placement>[^/]{1,100})/?$", edge_api.fragments),
]
