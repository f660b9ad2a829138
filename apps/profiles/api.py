"""The door of profile reads: GET /v1/profiles/{kind}:{value}/{part}. Secret keys only."""

from hashlib import blake2b
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import authenticate, hot, json_response
from apps.profiles import selectors
from apps.profiles.errors import ProfileNotFound
from apps.profiles.parts import Asked, Page, part_names, reader_of
from apps.work import clock, record_watch

ROUTE: Final = "profiles"
MAX_ROWS: Final = 100
MAX_TRAITS: Final = 200
# What a site chose as its own id is the site's: it may look like an address.
_OWN_IDS: Final = frozenset({"user_id", "anonymous_id"})

_encode = msgspec.json.Encoder().encode


@hot("GET", route=ROUTE)
def read(request: HttpRequest, identity: str, part: str) -> HttpResponse:
    """One part of the profile that carries an identity; every identity of a person leads to it."""
    caller = authenticate(request, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    kind, value = _named(identity)
    if part == "metadata":
        found = selectors.metadata_of(caller.site_id, kind, value)
        if found is None:
            raise ProfileNotFound
        return json_response(_encode(found), headers=headers)
    reader = reader_of(part)
    if reader is None:
        known = ", ".join(["metadata", *part_names()])
        raise NotFound(f"A profile has no such part; there are {known}.")
    limit = _limit(request, MAX_TRAITS if part == "traits" else MAX_ROWS)
    query = _query(request)
    profile_id = selectors.find_profile(caller.site_id, kind, value)
    if profile_id is None:
        raise ProfileNotFound
    page = reader(
        Asked(
            site_id=caller.site_id,
            profile_id=profile_id,
            limit=limit,
            after=query.get("next", ""),
            query=query,
            now=clock.now(),
        )
    )
    return _paged(request, part, page, limit, headers)


def _named(identity: str) -> tuple[str, str]:
    """Split "kind:value". The server has decoded the path: nothing is decoded twice."""
    kind, _, value = identity.partition(":")
    if kind == "email" or ("@" in value and kind not in _OWN_IDS):
        raise InvalidRequest("Ask by email_sha256: an address does not belong in a URL.")
    if not kind or not value or "\0" in identity:
        raise ProfileNotFound
    return kind, value


def _query(request: HttpRequest) -> dict[str, str]:
    query = {key: str(text) for key, text in request.GET.items()}
    if any("\0" in text for text in query.values()):
        raise InvalidRequest("A query parameter holds a NUL.")
    return query


def _limit(request: HttpRequest, most: int) -> int:
    text = request.GET.get("limit", str(min(100, most)))
    if not (text.isascii() and text.isdigit() and len(text) < 5) or not 1 <= int(text) <= most:
        raise InvalidRequest(f"`limit` is a number from 1 to {most}.")
    return int(text)


def _paged(
    request: HttpRequest, part: str, page: Page, limit: int, headers: dict[str, str]
) -> HttpResponse:
    cursor = {"has_more": bool(page.next), "next": page.next, "limit": limit}
    answer: dict[str, Any] = {"data": page.rows, "cursor": cursor}
    if part == "traits":
        traits = {row["key"]: row["value"] for row in page.rows}
        answer = {"traits": traits, "cursor": cursor}
    body = _encode(answer)
    if part != "segments":
        return json_response(body, headers=headers)
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    known = request.headers.get("If-None-Match", "").split(",")
    if etag in (tag.strip().removeprefix("W/") for tag in known):
        return HttpResponse(status=304, headers={**headers, "ETag": etag})
    return json_response(body, headers={**headers, "ETag": etag})
