"""The doors of intake: Segment-spec calls, the pixel, the browser library's settings."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse

from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import (
    Caller,
    HotView,
    authenticate,
    caller_of_public_key,
    hot,
    json_response,
    read_body,
    write_key_in,
)
from apps.access.limits import enforce
from apps.access.proof import verified_user_id
from apps.events import collect
from apps.events.domain.envelope import MAX_BATCH_BYTES, Envelope, open_batch, open_single
from apps.events.domain.reading import TYPES
from apps.events.errors import EventRefused, InvalidBody
from apps.events.types import Receipt, Sender
from apps.work import clock, record_watch
from engine.errors import PersonalizationError

ROUTE: Final = "ingest"
# A single event with these codes is answered 200: sending it again in another form cannot help.
_ANSWERED_200: Final = frozenset({"event_too_old", "event_not_in_plan"})
_GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

_encode = msgspec.json.Encoder().encode


def sender_of(caller: Caller, now: datetime) -> Sender:
    """Return the terms on which a caller's events are taken in.

    Proof of a userId is asked of browsers only: a secret key proves its server already.
    """
    is_browser = caller.kind == "pk"
    prove: Callable[[str, Any, Any], str | None] | None = None
    if is_browser and caller.is_user_proof_required:
        prove = partial(_proved, caller, now)
    return Sender(
        site_id=caller.site_id,
        source_id=caller.source_id,
        consent_mode=caller.consent_mode,
        regime=caller.regime,
        is_plan_strict=caller.plan_strict,
        retention_days=caller.retention_days,
        is_browser=is_browser,
        address=caller.address if is_browser else None,
        has_gpc=caller.gpc,
        prove=prove,
    )


def _proved(
    caller: Caller, now: datetime, user_id: str, user_hash: Any, user_token: Any
) -> str | None:
    """Return the user id if its proof holds, in the types that a proof can have."""
    return verified_user_id(
        caller,
        user_id,
        user_hash if isinstance(user_hash, str) else None,
        user_token if isinstance(user_token, str) else None,
        now,
    )


def _take_in(request: HttpRequest, type: str | None) -> tuple[Receipt, dict[str, str]]:
    """Read, authenticate, limit, record; return the receipt and the rate limit's headers."""
    body = read_body(request, MAX_BATCH_BYTES)
    try:
        envelope = open_batch(body) if type is None else open_single(body)
    except InvalidBody:
        authenticate(request, write_key_in(body))  # who has no key learns that first
        raise
    caller = authenticate(request, _key_of(envelope, body))
    headers = enforce(caller, ROUTE)
    now = clock.now()
    return _recorded(sender_of(caller, now), envelope, type, now), headers


def _key_of(envelope: Envelope, body: bytes) -> str | None:
    """The key in a body; one that is no JSON is refused, but to whom it says it is from."""
    return write_key_in(body) if envelope.is_broken else envelope.write_key


def _recorded(sender: Sender, envelope: Envelope, type: str | None, now: datetime) -> Receipt:
    """Record, and once more on a new connection if the old one turns out to be dead.

    After a restart of Postgres every process holds dead connections; without this each would refuse
    one call. Message ids make the repetition harmless. The second failure travels on as a 503.
    """
    record_watch.require()
    try:
        return collect.record(sender, envelope, type=type, now=now)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or record_watch.is_away():
            raise
        connection.close()
    return collect.record(sender, envelope, type=type, now=now)


def _answer(receipt: Receipt, headers: dict[str, str]) -> HttpResponse:
    body: dict[str, Any] = {
        "success": True,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": [
            {
                "index": rejection.index,
                "messageId": rejection.message_id,
                "code": rejection.code,
                "detail": rejection.detail,
                **({"errors": rejection.errors} if rejection.errors else {}),
            }
            for rejection in receipt.rejected
        ],
    }
    if receipt.without_consent:
        body["withoutConsent"] = receipt.without_consent
    return json_response(_encode(body), headers=headers)


@hot("POST", route=ROUTE)
def batch(request: HttpRequest) -> HttpResponse:
    """POST /v1/batch (also /v1/b, /v1/import): many events; bad ones are listed, not fatal."""
    receipt, headers = _take_in(request, None)
    return _answer(receipt, headers)


def _single(type: str) -> HotView:
    @hot("POST", route=ROUTE)
    def single(request: HttpRequest) -> HttpResponse:
        receipt, headers = _take_in(request, type)
        for rejection in receipt.rejected:
            if rejection.code not in _ANSWERED_200:
                raise EventRefused.of(rejection)
        return _answer(receipt, headers)

    return single


SINGLES: Final[dict[str, HotView]] = {type: _single(type) for type in sorted(TYPES)}


@hot("GET", route="pixel")
def pixel(request: HttpRequest, type: str) -> HttpResponse:
    """GET /v1/pixel/{type}?data=...: one event from a page or mail without scripts. Always a GIF.

    A picture has nowhere to show a refusal: what is wrong is counted and held as for any event, and
    what cannot even be read is dropped.
    """
    try:
        if type not in TYPES:
            raise NotFound()
        data = _pixel_data(request.GET.get("data", ""))
        envelope = open_single(data)
        caller = authenticate(request, _key_of(envelope, data), allow=("pk",))
        enforce(caller, ROUTE)
        now = clock.now()
        _recorded(sender_of(caller, now), envelope, type, now)
    except PersonalizationError:
        pass
    except (OperationalError, InterfaceError):
        connection.close()
    response = HttpResponse(_GIF, content_type="image/gif")
    response["Cache-Control"] = "no-store"
    return response


def _pixel_data(data: str) -> bytes:
    """Return the JSON text of the pixel's `data`: plain, base64url or base64, padded or not.

    Raises:
        InvalidRequest: it is none of these.
    """
    text = data.strip()
    if text.startswith("{"):
        return text.encode("utf-8", "surrogatepass")
    # "+" of plain base64 arrives as a space where it was not escaped.
    text = text.replace(" ", "-").replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise InvalidRequest("`data` is neither JSON nor base64.") from None


@hot("GET", route="settings")
def library_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """GET /v1/projects/{writeKey}/settings: what the browser library asks before anything else."""
    write_key = unquote(write_key)
    if caller_of_public_key(write_key) is None:
        raise NotFound("No source has this write key.")
    origin = urlsplit(settings.PUBLIC_ORIGIN)
    integration = {
        "apiKey": write_key,
        "apiHost": f"{origin.netloc}/v1",
        "protocol": origin.scheme,
    }
    body = {
        # Exactly one: for a second name the library would fetch a script from elsewhere.
        "integrations": {"Segment.io": integration},
        "plan": {},
        "edgeFunction": {},
        "metrics": {"sampleRate": 0},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
    }
    return json_response(_encode(body), headers={"Cache-Control": "public, max-age=60"})


@hot("POST", route="metrics")
def library_metrics(request: HttpRequest) -> HttpResponse:
    """POST /v1/m: the browser library's own metrics, which nobody here wants."""
    return json_response(b'{"success":true}')
