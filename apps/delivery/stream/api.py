"""The door of tickets: POST /v1/stream/tickets."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest
from apps.access.http import authenticate_body, hot, json_response, read_body
from apps.access.proof import is_hash_of, user_of_token
from apps.access.types import Caller
from apps.delivery.questions import MAX_BODY_BYTES, Id, id_text
from apps.delivery.stream.tickets import stream_url, ticket_of, valid_until_ms
from apps.work import clock

ROUTE: Final = "stream_tickets"


class Asked(msgspec.Struct, rename="camel"):
    """The body: whose stream it is."""

    anonymous_id: Id = None
    user_id: Id = None
    user_hash: str | None = None
    user_token: str | None = None
    write_key: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)
_encode = msgspec.json.Encoder().encode


@hot("POST", route=ROUTE)
def tickets(request: HttpRequest) -> HttpResponse:
    """POST /v1/stream/tickets: an address that tells one visitor's page when to ask again."""
    caller, asked = authenticate_body(request, read_body(request, MAX_BODY_BYTES), _ASKED)
    headers = limits.enforce(caller, ROUTE)
    now_ms = clock.now_ms()
    ticket = ticket_of(caller.site_id, caller.source_id, _identity(caller, asked, now_ms), now_ms)
    ends_at = clock.from_ms(valid_until_ms(now_ms))
    answer: dict[str, Any] = {
        "url": stream_url(ticket),
        "expiresAt": ends_at.isoformat().replace("+00:00", "Z"),
    }
    headers["Cache-Control"] = "no-store"
    return json_response(_encode(answer), headers=headers)


def _identity(caller: Caller, asked: Asked, now_ms: int) -> str:
    """Whose stream a caller may open, as "kind:value".

    A page speaks for a login only with proof, whatever the source demands elsewhere: from notices
    anybody could read when somebody else is active.

    Raises:
        InvalidRequest: it names nobody that it may speak for.
    """
    anonymous_id = id_text(asked.anonymous_id, "anonymousId")
    user_id = id_text(asked.user_id, "userId")
    if caller.kind == "pk":
        user_id = _proven(caller, user_id, asked, now_ms)
    if user_id is not None:
        return f"user_id:{user_id}"
    if anonymous_id is not None:
        return f"anonymous_id:{anonymous_id}"
    fault: Fault = {
        "pointer": "/anonymousId",
        "code": "required",
        "detail": "Or a userId, from a page with its proof.",
    }
    raise InvalidRequest("Say whose stream it is: send anonymousId or userId.", errors=[fault])


def _proven(caller: Caller, user_id: str | None, asked: Asked, now_ms: int) -> str | None:
    """The login that a page has proof for; None without one."""
    if asked.user_token:
        subject = user_of_token(caller.proof_secret, asked.user_token, clock.from_ms(now_ms))
        if subject is not None and user_id in (None, subject):
            return subject
    if user_id and asked.user_hash and is_hash_of(caller.proof_secret, user_id, asked.user_hash):
        return user_id
    return None
