"""The doors for caches and edges: cached content, fragments, the signed snapshot, its keys."""

from typing import Final

from django.http import HttpRequest, HttpResponse

from apps.access.errors import NotFound
from apps.access.http import authenticate, hot, json_response
from apps.access.limits import enforce, enforce_address, enforce_unknown
from apps.decisions import services
from apps.decisions.selectors import key_set
from apps.delivery import cached, edge
from apps.delivery.api import not_changed
from apps.delivery.cached import CachedAnswer

CONTENT: Final = "content"
FRAGMENTS: Final = "fragments"
SNAPSHOT: Final = "snapshot"
SIGNATURE: Final = "X-Snapshot-Signature"


@hot("GET", route=CONTENT, cors="any")
def content(request: HttpRequest, placement: str) -> HttpResponse:
    """GET /v1/content/{placement}: what everybody of a segment key sees there, for caches."""
    answer = _cached(request, placement, CONTENT)
    return _answered(request, answer, json_response(answer.body), cached.etag_of(answer.body))


@hot("GET", route=FRAGMENTS, cors="any")
def fragments(request: HttpRequest, placement: str) -> HttpResponse:
    """GET /v1/fragments/{placement}: the same as HTML, for pages made on servers."""
    answer = _cached(request, placement, FRAGMENTS)
    response = HttpResponse(answer.html, content_type="text/html; charset=utf-8")
    # A part of somebody's page; opened by itself it is nobody's page, least of all one of ours.
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return _answered(request, answer, response, cached.etag_of(answer.html))


@hot("GET", route=SNAPSHOT, cors="none")
def snapshot(request: HttpRequest) -> HttpResponse:
    """GET /v1/snapshot: the publication for edge workers, with an edge key."""
    caller = authenticate(request, allow=("ek",))
    limited = enforce(caller, SNAPSHOT)
    services.start_watching()
    found = edge.snapshot_for(caller)
    response = not_changed(request, found.etag) or json_response(found.body)
    response.headers["ETag"] = found.etag
    response.headers["Cache-Control"] = "private, max-age=10"
    response.headers[SIGNATURE] = found.signature
    for name, value in limited.items():
        response.headers[name] = value
    return response


@hot("GET", route="keys", cors="any")
def keys(request: HttpRequest) -> HttpResponse:
    """GET /.well-known/jwks.json: the public keys of what this server signs."""
    body = key_set()
    etag = cached.etag_of(body)
    response = not_changed(request, etag) or json_response(body)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _cached(request: HttpRequest, placement: str, route: str) -> CachedAnswer:
    enforce_address(request, route)
    if not cached.knows(request.GET.get("site", "")):
        enforce_unknown(request.META)
    answer = cached.content(
        placement,
        site_key=request.GET.get("site", ""),
        segment_key=request.GET.get("sk", ""),
        locale=request.GET.get("locale", ""),
    )
    if answer is None:
        raise NotFound(f"There is no placement '{placement[:100]}' on this site.")
    return answer


def _answered(
    request: HttpRequest, answer: CachedAnswer, response: HttpResponse, etag: str
) -> HttpResponse:
    response = not_changed(request, etag) or response
    response.headers["ETag"] = etag
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response
