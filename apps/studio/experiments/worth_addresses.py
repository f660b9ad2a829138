"""The addresses of experiments' pages: worth."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio.experiments import worth_page

AdminView = Callable[[Callable[..., HttpResponse]], Callable[..., Any]]


def worth_addresses(admin_view: AdminView) -> list[URLPattern]:
    """Return them, for the admin's site."""
    return [path("experiments/worth/", admin_view(worth_page.page), name="experiments_worth")]
