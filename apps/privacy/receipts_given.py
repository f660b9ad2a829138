"""Where a person gets their consent receipt: GET /v1/consent/receipt, and a button on the centre.

The receipt is signed by the server's Ed25519 key over its exact bytes, as the members of a JSON
document: `{"receipt": ..., "signature": "header..signature"}`. Who has both checks them with
/.well-known/jwks.json: the payload is `receipt` as canonical JSON (sorted keys, no blanks, UTF-8).
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, Forbidden, InvalidRequest, NotFound
from apps.access.http import authenticate, hot, json_response
from apps.access.selectors import find_site
from apps.consent.receipts import receipt_of
from apps.decisions.signing import signed_apart
from apps.privacy import links
from apps.privacy.public_answers import public, site_or_404, sorry
from apps.privacy.public_pages import names_in
from apps.work import clock, record_watch

ROUTE: Final = "consent_receipt"
MAX_ID_LENGTH: Final = 512


def signed_receipt(
    site_id: UUID,
    names: Sequence[tuple[str, str]],
    *,
    site_key: str,
    site_name: str,
    now: datetime,
) -> bytes | None:
    """Return the signed receipt of somebody's choices as JSON; None where they made none."""
    centre = f"{settings.PUBLIC_ORIGIN}/privacy/{site_key}"
    receipt = receipt_of(site_id, names, site_name=site_name, preferences=centre, now=now)
    if receipt is None:
        return None
    signature = signed_apart(canonical(receipt))
    keys = f"{settings.PUBLIC_ORIGIN}/.well-known/jwks.json"
    whole = {"receipt": receipt, "signature": signature, "keys": keys}
    return json.dumps(whole, ensure_ascii=False, indent=2).encode()


def canonical(receipt: Any) -> bytes:
    """Return the bytes that are signed: sorted keys, no blanks, UTF-8."""
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


@hot("GET", route=ROUTE)
def consent_receipt(request: HttpRequest) -> HttpResponse:
    """GET /v1/consent/receipt?anonymousId=... (secret keys: userId too)."""
    caller = authenticate(request)
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    user_id = request.GET.get("userId", "")
    if caller.kind == "pk" and user_id:
        raise Forbidden("A publishable key reads a receipt by anonymousId.")
    given = (("user_id", user_id), ("anonymous_id", request.GET.get("anonymousId", "")))
    names = [(kind, value) for kind, value in given if value]
    if not names or any(len(value) > MAX_ID_LENGTH or "\0" in value for _, value in names):
        fault = Fault(pointer="/anonymousId", code="required", detail="At most 512 characters.")
        raise InvalidRequest("Say whose receipt it is: send anonymousId.", errors=[fault])
    site = find_site(caller.site_key)
    assert site is not None
    body = signed_receipt(
        caller.site_id, names, site_key=site.key, site_name=site.name, now=clock.now()
    )
    if body is None:
        raise NotFound()
    headers["Cache-Control"] = "no-store"
    return json_response(body, headers=headers)


@public("GET")
def receipt_page(request: HttpRequest, site_key: str) -> HttpResponse:
    """/privacy/{site}/receipt?k=...: the receipt as a file."""
    site = site_or_404(site_key)
    limits.enforce_address(request, "privacy")
    now = clock.now()
    link = links.read_link(request.GET.get("k", ""), site.id, clock.to_ms(now))
    names = [] if link is None else names_in(link)
    if not names:
        return sorry(
            "This link is over.", "Open your choices again to get a receipt.", site=site, status=410
        )
    body = signed_receipt(site.id, names, site_key=site.key, site_name=site.name, now=now)
    if body is None:
        return sorry(
            "There is nothing to confirm yet.",
            "You have not answered on this site, so there is no receipt.",
            site=site,
            status=404,
        )
    response = HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="receipt-{site.key}.json"'
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
