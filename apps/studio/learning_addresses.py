"""The addresses of what was learned of visitors: groups, value, thresholds, health of segments."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio import groups_pages, segment_health, segments_models, value_pages


def learning_addresses(
    admin_view: Callable[[Callable[..., HttpResponse]], Callable[..., Any]],
) -> list[URLPattern]:
    """Return them, for the admin's site."""
    return [
        path("audience/models/", admin_view(segments_models.models_page), name="audience_models"),
        path("audience/health/", admin_view(segment_health.health_page), name="audience_health"),
        path("learning/groups/", admin_view(groups_pages.groups_page), name="learning_groups"),
        path("learning/value/", admin_view(value_pages.value_page), name="learning_value"),
    ]
