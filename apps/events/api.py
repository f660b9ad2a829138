"""The doors of intake: Segment-spec calls, the pixel, the browser library's settings."""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse

from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import HotView, authenticate, caller_of_public_key, hot, json_response
from apps.access.limits import enforce_address
from apps.events.arrivals import ROUTE, Arrived, Taken, arrived, key_of, take, with_cookie
from apps.events.domain.envelope import open_single
from apps.events.domain.reading import TYPES
from apps.events.errors import EventRefused
from apps.events.types import Receipt
from engine.errors import PersonalizationError

# A single event with these codes is answered 200: sending it again in another form cannot help.
_ANSWERED_200: Final = frozenset({"event_too_old", "event_not_in_plan"})
_GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

_encode = msgspec.json.Encoder().encode


# In META: what became of a call that was taken in before its view was called.
TAKEN: Final = "attune.taken"


def _taken(request: HttpRequest, type: str | None) -> tuple[Receipt, dict[str, str]]:
    """Return the receipt of a call and the rate limit's headers."""
    taken: Taken | Exception | None = request.META.get(TAKEN)
    if taken is None:
        taken = take([arrived(request, type)])[0]
    if isinstance(taken, Exception):
        raise taken
    return taken.receipt()


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
    receipt, headers = _taken(request, None)
    return _answer(receipt, headers)


def _single(type: str) -> HotView:
    @hot("POST", route=ROUTE)
    def single(request: HttpRequest) -> HttpResponse:
        receipt, headers = _taken(request, type)
        for rejection in receipt.rejected:
            if rejection.code not in _ANSWERED_200:
                raise EventRefused.of(rejection)
        return _answer(receipt, headers)

    return single


SINGLES: Final[dict[str, HotView]] = {type: _single(type) for type in sorted(TYPES)}
# How the calls of these views are read by a server that has them taken in together (`take`).
ARRIVING: Final[dict[HotView, Callable[[HttpRequest], Arrived]]] = {
    batch: partial(arrived, type=None),
    **{view: partial(arrived, type=type) for type, view in SINGLES.items()},
}


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
        caller = authenticate(request, key_of(envelope, data), allow=("pk",))
        take([Arrived(caller, with_cookie(envelope, request), type, len(data))])[0].receipt()
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
    enforce_address(request, "settings")
    write_key = unquote(write_key)
    if caller_of_public_key(write_key, request) is None:
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
    enforce_address(request, "metrics")
    return json_response(b'{"success":true}')
