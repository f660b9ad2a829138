"""The addresses of histories, of usage, and of what keeps the forms that are being typed."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from apps.studio import history, history_usage, keeping


def safety_addresses(view: Callable[[Any], Any]) -> list[URLPattern]:
    """Return them; `view` puts a page behind the admin's login."""
    return [
        path("history/<slug:kind_name>/<uuid:object_id>/", view(history.history), name="history"),
        path(
            "history/<slug:kind_name>/<uuid:object_id>/undo/",
            view(history.undo),
            name="history_undo",
        ),
        path("usage/<slug:kind_name>/<uuid:object_id>/", view(history_usage.usage), name="usage"),
        # Not behind the page to log in: they answer a script, which would lose the form.
        path("studio/keep/", keeping.keep, name="keep"),
        path("studio/seen/", keeping.seen, name="seen"),
    ]
