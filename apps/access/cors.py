"""Cross-origin headers for every public answer, errors and preflights included."""

from typing import Any, Final, Literal

from django.http import HttpRequest

from apps.access.keys import KEYS, KnownKey

Cors = Literal["source", "any", "none"]
HeaderList = list[tuple[str, str]]

KEY_SLOT: Final = "attune.key"  # where authenticate leaves the key in request.META
EXPOSED: Final = "ETag, Retry-After, RateLimit, RateLimit-Policy, Server-Timing"
# By name: a bare "*" does not cover Authorization.
ALLOWED_HEADERS: Final = (
    "authorization, content-type, x-api-key, if-none-match, x-retry-count, idempotency-key, "
    "traceparent, x-contentful-user-agent"
)
MAX_AGE_S: Final = "7200"

_VARY: Final = ("Vary", "Origin")
_EXPOSE: Final = ("Access-Control-Expose-Headers", EXPOSED)
_ANY: Final = [("Access-Control-Allow-Origin", "*"), _EXPOSE]


def answer_headers(request: HttpRequest, cors: Cors) -> HeaderList:
    """Return the CORS headers of an answer.

    "source" echoes the origin when the source of the request's key allows it; a request without a
    known key (refused, or a preflight) is judged by what all sources allow. "any" is for public
    content, which no key guards.
    """
    if cors == "none":
        return []
    if cors == "any":
        return _ANY
    meta: dict[str, Any] = request.META
    origin: str | None = meta.get("HTTP_ORIGIN")
    if origin is None:
        return [_VARY]
    key: KnownKey | None = meta.get(KEY_SLOT)
    allowed = origin in key.origins if key is not None else KEYS.is_known_origin(origin)
    if not allowed:
        return [_VARY]
    return [_VARY, ("Access-Control-Allow-Origin", origin), _EXPOSE]


def preflight_headers(methods: tuple[str, ...]) -> HeaderList:
    """Return what a preflight's answer carries besides the headers of every answer."""
    return [
        ("Access-Control-Allow-Methods", ", ".join(methods)),
        ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
        ("Access-Control-Max-Age", MAX_AGE_S),
    ]
