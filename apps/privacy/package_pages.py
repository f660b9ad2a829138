"""The page that a package's link leads to: shown, and taken as a file. No sign-in, seven days."""

import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps.access.http import json_response
from apps.privacy import packages
from apps.privacy.models.packages import Package
from apps.privacy.public_answers import page, public, site_or_404, sorry
from apps.privacy.readable import sections_of
from apps.work import clock

_NOT_OPEN: Final = (
    "This link does not work any more.",
    "Packages can be opened for seven days. Send a new request to get a new one.",
)


@public("GET")
def package(request: HttpRequest, token: str) -> HttpResponse:
    """GET /privacy/packages/{token}: what is in the package, and the ways to take it along."""
    found = packages.found(token, now=clock.now())
    if found is None:
        return sorry(*_NOT_OPEN, status=410)
    context = {
        "here": "request",
        "package": found,
        "reference": found.request.public_ref,
        "kilobytes": max(1, found.size // 1024),
        "path": f"{packages.PATH}{token}",
        "is_portable": found.kind == Package.Kind.PORTABILITY,
    }
    return page("privacy/package.html", context, site=site_or_404(found.request.site.key))


@public("GET")
def package_json(request: HttpRequest, token: str) -> HttpResponse:
    """GET /privacy/packages/{token}/data.json: the whole package for a computer."""
    found, data = _opened(token)
    if data is None:
        return json_response(b'{"error":"This link does not work any more."}', 410)
    response = json_response(data)
    return _as_file(response, found, "json")


@public("GET")
def package_html(request: HttpRequest, token: str) -> HttpResponse:
    """GET /privacy/packages/{token}/data.html: the same as one page that needs no network."""
    found, data = _opened(token)
    if found is None or data is None:
        return sorry(*_NOT_OPEN, status=410)
    content: dict[str, Any] = json.loads(data)
    context = {"content": content, "sections": sections_of(content)}
    response = HttpResponse(render_to_string("privacy/package_document.html", context))
    return _as_file(response, found, "html")


def _opened(token: str) -> tuple[Package | None, bytes | None]:
    now = clock.now()
    found = packages.found(token, now=now)
    return found, None if found is None else packages.opened(found, token, now=now)


def _as_file(response: HttpResponse, found: Package | None, ending: str) -> HttpResponse:
    name = "data" if found is None else found.request.public_ref
    response["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
