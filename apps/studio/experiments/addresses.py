"""All addresses of experiments' pages, beside those of their rows."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern

from apps.studio.experiments.design_addresses import design_addresses
from apps.studio.experiments.results_addresses import results_addresses
from apps.studio.experiments.what_if_addresses import what_if_addresses
from apps.studio.experiments.worth_addresses import worth_addresses


def experiment_addresses(
    admin_view: Callable[[Callable[..., HttpResponse]], Callable[..., Any]],
) -> list[URLPattern]:
    """Return them, for the admin's site."""
    return [
        *design_addresses(admin_view),
        *results_addresses(admin_view),
        *worth_addresses(admin_view),
        *what_if_addresses(admin_view),
    ]
