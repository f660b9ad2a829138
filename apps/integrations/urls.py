"""Addresses of integrations, mounted at the root."""

from typing import Final

from django.urls import path, re_path

from apps.integrations import api, contentful_api, serving_api

# Clients of Contentful name a space, and most of them an environment of it.
_SPACE: Final = r"^spaces/(?P<space>[\w.~-]{1,64})"
_THERE: Final = rf"{_SPACE}(?:/environments/(?P<environment>[\w.~-]{{1,64}}))?"
_MODEL: Final = r"^v1/models/(?P<key>[-\w]{1,100})"
_ID: Final = r"(?P<identity>[\w.:~-]{1,200})"

urlpatterns = [
    path("v1/hooks/<uuid:connection_id>", api.hook),
    path("v1/hooks/<uuid:connection_id>/", api.hook),
    path("v1/hooks/<uuid:connection_id>/variants", api.variants),
    path("v1/hooks/<uuid:connection_id>/variants/", api.variants),
    re_path(rf"{_MODEL}/?$", serving_api.card),
    re_path(rf"{_MODEL}/invocations/?$", serving_api.invocations),
    re_path(rf"{_MODEL}:predict/?$", serving_api.predict),
    re_path(rf"{_THERE}/entries/?$", contentful_api.entries),
    re_path(rf"{_THERE}/entries/{_ID}/?$", contentful_api.entry),
    re_path(rf"{_THERE}/content_types/?$", contentful_api.content_types),
    re_path(rf"{_THERE}/content_types/{_ID}/?$", contentful_api.content_type),
    re_path(rf"{_THERE}/locales/?$", contentful_api.locales),
    re_path(rf"{_THERE}/?$", contentful_api.space),
    re_path(r"^spaces/(?P<rest>[\s\S]*)$", contentful_api.elsewhere),
]
