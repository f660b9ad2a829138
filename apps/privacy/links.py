"""Links to the preference page that say whose choices they are, and POST /v1/consent/link.

A link is sealed: no identifier can be read from it, nobody can make one, and it ends. Who has it
can see and change the choices of one visitor on one site, and nothing else about them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest
from apps.access.http import authenticate_body, hot, json_response, read_body
from apps.access.proof import verified_user_id
from apps.access.types import Caller
from apps.privacy.sealed_text import token_of, value_of
from apps.work import clock, record_watch

ROUTE: Final = "consent_link"
MAX_BODY_BYTES: Final = 8_192
MAX_ID_LENGTH: Final = 512
# From a browser: opened now. By mail: until it is read. By the site's servers: in a newsletter.
LASTS: Final = {
    "browser": timedelta(hours=1),
    "mail": timedelta(days=2),
    "server": timedelta(days=60),
}
_USE: Final = "link"


class Link(msgspec.Struct, frozen=True):
    """Whose choices a link leads to. `how` it was made: "browser", "mail" or "server"."""

    site: UUID
    names: list[tuple[str, str]]
    ends_ms: int
    how: str


class _Asked(msgspec.Struct, rename="camel"):
    """The body of POST /v1/consent/link."""

    anonymous_id: str | int | None = None
    user_id: str | int | None = None
    user_hash: str | None = None
    user_token: str | None = None
    write_key: str | None = None


_ASKED: Final = msgspec.json.Decoder(_Asked)


def token_for(site_id: UUID, names: Sequence[tuple[str, str]], how: str, now: datetime) -> str:
    """Return the token of a link that begins to be good now."""
    ends_ms = int((now + LASTS[how]).timestamp() * 1000)
    return token_of(_USE, Link(site_id, list(names), ends_ms, how))


def address_of(site_key: str, token: str) -> str:
    """Return the whole address of a link."""
    return f"{settings.PUBLIC_ORIGIN}/privacy/{site_key}?k={token}"


def read_link(token: str, site_id: UUID, now_ms: int) -> Link | None:
    """Return what a link says; None for one that is over, of another site, or not ours."""
    link = value_of(_USE, token, Link)
    return link if link is not None and link.site == site_id and link.ends_ms > now_ms else None


@hot("POST", route=ROUTE)
def consent_link(request: HttpRequest) -> HttpResponse:
    """POST /v1/consent/link: an address at which this visitor finds their choices and rights."""
    body = read_body(request, MAX_BODY_BYTES)
    caller, asked = authenticate_body(request, body, _ASKED)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    now = clock.now()
    names = _names(caller, asked, now)
    how = "browser" if caller.kind == "pk" else "server"
    token = token_for(caller.site_id, names, how, now)
    ends = (now + LASTS[how]).isoformat(timespec="seconds")
    answer = {"url": address_of(caller.site_key, token), "validUntil": ends.replace("+00:00", "Z")}
    headers["Cache-Control"] = "no-store"
    return json_response(msgspec.json.encode(answer), headers=headers)


def _names(caller: Caller, asked: _Asked, now: datetime) -> list[tuple[str, str]]:
    user_id = _id(asked.user_id, "/userId")
    if user_id is not None and caller.kind == "pk":
        # A page may claim any login: without proof the link is the browser's alone, also where the
        # site believes logins otherwise.
        demanding = msgspec.structs.replace(caller, is_user_proof_required=True)
        user_id = verified_user_id(demanding, user_id, asked.user_hash, asked.user_token, now)
    anonymous_id = _id(asked.anonymous_id, "/anonymousId")
    given = (("user_id", user_id), ("anonymous_id", anonymous_id))
    names = [(kind, value) for kind, value in given if value]
    if not names:
        fault = Fault(pointer="/anonymousId", code="required", detail="Or a userId with its proof.")
        raise InvalidRequest("Say whose link it is: send anonymousId or userId.", errors=[fault])
    return names


def _id(value: str | int | None, pointer: str) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > MAX_ID_LENGTH or "\0" in text:
        fault = Fault(pointer=pointer, code="invalid", detail="Give an id of at most 512 letters.")
        raise InvalidRequest("The id cannot be used.", errors=[fault])
    return text
