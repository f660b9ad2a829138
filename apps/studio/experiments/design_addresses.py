"""The addresses of experiments' pages: what begins, and how what runs is steered."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio.experiments import begin, doing

AdminView = Callable[[Callable[..., HttpResponse]], Callable[..., Any]]


def design_addresses(admin_view: AdminView) -> list[URLPattern]:
    """Return them, for the admin's site."""
    return [
        path(
            "experiments/<uuid:experiment_id>/begin/",
            admin_view(begin.begin),
            name="experiment_begin",
        ),
        path("experiments/<uuid:experiment_id>/do/", admin_view(doing.do), name="experiment_do"),
    ]
