"""The addresses of experiments' pages: what another rule would have earned, and looks."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio.experiments import look, what_if_page

AdminView = Callable[[Callable[..., HttpResponse]], Callable[..., Any]]


def what_if_addresses(admin_view: AdminView) -> list[URLPattern]:
    """Return them, for the admin's site."""
    return [
        path(
            "experiments/<uuid:experiment_id>/look/", admin_view(look.page), name="experiment_look"
        ),
        path("experiments/what-if/", admin_view(what_if_page.page), name="experiments_what_if"),
        path(
            "experiments/what-if/<uuid:what_if_id>/",
            admin_view(what_if_page.result),
            name="experiments_what_if_result",
        ),
    ]
