"""The addresses of experiments' pages: results, their files, and the archive."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from apps.studio.experiments import archive_page, results_download, results_page

AdminView = Callable[[Callable[..., HttpResponse]], Callable[..., Any]]


def results_addresses(admin_view: AdminView) -> list[URLPattern]:
    """Return them, for the admin's site."""
    results = "experiments/<uuid:experiment_id>/results/"
    return [
        path(results, admin_view(results_page.page), name="experiment_results"),
        path(
            f"{results}results.<str:form>",
            admin_view(results_download.download),
            name="experiment_download",
        ),
        path("experiments/archive/", admin_view(archive_page.page), name="experiment_archive"),
    ]
