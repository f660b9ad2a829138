"""The doors for senders of mParticle's Events API: /v2/events and /v2/bulkevents."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access.http import authenticate, hot, json_response, read_body
from apps.events.arrivals import ROUTE, Arrived, take
from apps.events.domain.envelope import MAX_BATCH_BYTES, Envelope
from apps.events.domain.mparticle import Place, read_batches, translated
from apps.events.domain.shape import has_rare_content
from apps.events.types import Receipt

ACCEPTED: Final = 202  # as mParticle's API says it: its clients may look

_encode = msgspec.json.Encoder().encode


@hot("POST", route=ROUTE)
def events(request: HttpRequest) -> HttpResponse:
    """POST /v2/events: what one person did."""
    return _taken(request, is_bulk=False)


@hot("POST", route=ROUTE)
def bulk_events(request: HttpRequest) -> HttpResponse:
    """POST /v2/bulkevents: what up to a hundred did."""
    return _taken(request, is_bulk=True)


def _taken(request: HttpRequest, *, is_bulk: bool) -> HttpResponse:
    caller = authenticate(request)
    body = read_body(request, MAX_BATCH_BYTES)
    said, places = translated(read_batches(body, is_bulk=is_bulk))
    items = [_encode(event) for event in said]
    envelope = Envelope(
        items=items,
        sent_at=None,
        context=None,
        integrations=None,
        write_key=None,
        rare=has_rare_content(body),
    )
    receipt, headers = take([Arrived(caller, envelope, None, len(body))])[0].receipt()
    return json_response(_encode(_answer(receipt, places)), ACCEPTED, headers)


def _answer(receipt: Receipt, places: list[Place]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "success": True,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": [
            {
                "batch": places[one.index].batch,
                "event": places[one.index].event,
                "messageId": one.message_id,
                "code": one.code,
                "detail": one.detail,
            }
            for one in receipt.rejected
        ],
    }
    if receipt.without_consent:
        answer["withoutConsent"] = receipt.without_consent
    return answer
