"""Where the pages are that say what publishing does, who sees what, and what wants a look."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from apps.studio import audit, coverage, dry_run_page, effect_page


def effect_addresses(admin_view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses, each behind the admin's own door."""
    return [
        path("effect/", admin_view(effect_page.page), name="effect"),
        path("dry-run/", admin_view(dry_run_page.page), name="dry_run"),
        path("dry-run/<uuid:trial_id>/", admin_view(dry_run_page.result), name="dry_run_result"),
        path("coverage/", admin_view(coverage.index), name="coverage"),
        path("coverage/themes/", admin_view(coverage.themes), name="coverage_themes"),
        path("coverage/block/<str:key>/", admin_view(coverage.of_block), name="coverage_block"),
        path("audit/", admin_view(audit.page), name="audit"),
    ]
