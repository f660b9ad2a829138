"""Addresses of the preview desk, below /admin/."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio import preview, preview_links, preview_people

View = Callable[..., HttpResponse]


def preview_addresses(guarded: Callable[[View], Any]) -> list[URLPattern]:
    """Return them, each view behind what guards the admin."""
    return [
        path("preview/", guarded(preview.desk), name="preview"),
        path("preview/frame/", guarded(preview.frame), name="preview_frame"),
        path("preview/options/", guarded(preview.options), name="preview_options"),
        path("preview/person/", guarded(preview_people.person), name="preview_person"),
        path("preview/sample/", guarded(preview_people.sample), name="preview_sample"),
        path("preview/links/", guarded(preview_links.links), name="preview_links"),
        path("preview/share/", guarded(preview_links.share), name="preview_share"),
        path(
            "preview/links/<uuid:link_id>/revoke/",
            guarded(preview_links.revoke),
            name="preview_revoke",
        ),
    ]
