"""The door of profile reads: GET /v1/profiles/{kind}:{value}/{part}. Secret keys only."""

from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import authenticate, hot, json_response
from apps.profiles import selectors
from apps.profiles.errors import ProfileNotFound
from apps.profiles.parts import Asked, Page, offer_part, reader_of
from apps.work import clock

ROUTE: Final = "profiles"
MAX_ROWS: Final = 100
MAX_TRAITS: Final = 200

_encode = msgspec.json.Encoder().encode


@hot("GET", route=ROUTE)
def read(request: HttpRequest, identity: str, part: str) -> HttpResponse:
    """One part of the profile that carries an identity; every identity of a person leads to it."""
    caller = authenticate(request, allow=("sk",))
    headers = limits.enforce(caller, ROUTE)
    kind, _, value = unquote(identity).partition(":")
    if kind == "email":
        raise InvalidRequest("Ask by email_sha256: an address does not belong in a URL.")
    if part == "metadata":
        found = selectors.metadata_of(caller.site_id, kind, value)
        if found is None:
            raise ProfileNotFound
        return json_response(_encode(found), headers=headers)
    reader = reader_of(part)
    if reader is None:
        raise NotFound("A profile has no such part.")
    profile_id = selectors.find_profile(caller.site_id, kind, value)
    if profile_id is None:
        raise ProfileNotFound
    limit = _limit(request, MAX_TRAITS if part == "traits" else MAX_ROWS)
    page = reader(
        Asked(
            site_id=caller.site_id,
            profile_id=profile_id,
            limit=limit,
            after=request.GET.get("next", ""),
            query={key: str(text) for key, text in request.GET.items()},
            now=clock.now(),
        )
    )
    return _paged(request, part, page, limit, headers)


def _limit(request: HttpRequest, most: int) -> int:
    text = request.GET.get("limit", str(min(100, most)))
    if not text.isdigit() or not 1 <= int(text) <= most:
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
    if request.headers.get("If-None-Match", "").removeprefix("W/") == etag:
        return HttpResponse(status=304, headers={**headers, "ETag": etag})
    return json_response(body, headers={**headers, "ETag": etag})


offer_part("traits", selectors.traits_of)
offer_part("external_ids", selectors.external_ids_of)
