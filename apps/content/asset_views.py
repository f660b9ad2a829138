"""The door of pictures: /media/<digest>/<spec>. What an address names never changes."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from apps.content.assets import file_of

# A year, as long as anybody keeps anything; errors are asked for again.
_FOREVER = "public, max-age=31536000, immutable"


@require_safe
def media(request: HttpRequest, digest: str, spec: str) -> HttpResponse:
    """GET /media/<digest>/<spec>: one picture, for every page of every site."""
    tag = f'"{digest[:32]}-{spec}"'
    answer: HttpResponse
    if request.headers.get("If-None-Match") == tag:
        answer = HttpResponseNotModified()
    else:
        found = file_of(digest, spec)
        if found is None:
            missing = HttpResponse("There is no such picture.", "text/plain", 404)
            missing["Cache-Control"] = "no-store"
            return missing
        answer = HttpResponse(bytes(found.data), found.media_type)
    answer["Cache-Control"] = _FOREVER
    answer["ETag"] = tag
    answer["X-Content-Type-Options"] = "nosniff"
    # Opened on its own it is a document of our origin: one that can do nothing.
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
