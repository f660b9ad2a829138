"""OpenDSR 2.0 under /opendsr/v2: requests that a controller's own system sends, and their status.

A secret key is the controller's word that it has verified the person and decided (its section 3.1),
so nothing waits for an officer here. `encoded_request` echoes what came; it is stored nowhere.
"""

import base64
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from apps.access.errors import InvalidRequest, NotFound
from apps.access.http import Caller, authenticate, hot, read_body
from apps.access.limits import enforce, enforce_address
from apps.privacy import packages, requests
from apps.privacy.errors import RequestNotOpen
from apps.privacy.models.requests import Request
from apps.privacy.opendsr_answers import domain, pair, signed
from apps.privacy.opendsr_bodies import IDENTITIES, TYPES, Asked, asked_in, is_id
from apps.work import clock

ROUTE: Final = "opendsr"
VERSION: Final = "2.0"
MAX_BODY_BYTES: Final = 64 * 1024
BASE: Final = "/opendsr/v2"
State = Request.State

# The states of the desk in OpenDSR's words. A refusal is an answer: its reason is at the desk.
STATUS: Final[dict[str, str]] = {
    State.RECEIVED: "pending",
    State.VERIFYING: "pending",
    State.APPROVED: "pending",
    State.IN_PROGRESS: "in_progress",
    State.FAILED: "in_progress",
    State.COMPLETED: "completed",
    State.REFUSED: "completed",
    State.CANCELLED: "cancelled",
}


@hot("GET", route=ROUTE, cors=False)
def discovery(request: HttpRequest) -> HttpResponse:
    """GET /opendsr/v2/discovery: what can be asked, about whom, and how answers are signed."""
    caller = authenticate(request, allow=("sk",))
    enforce(caller, ROUTE)
    document = {
        "api_version": VERSION,
        "supported_identities": [
            {"identity_type": kind, "identity_format": form} for kind, form in IDENTITIES
        ],
        "supported_subject_request_types": list(TYPES),
        "processor_certificate": f"{settings.PUBLIC_ORIGIN}{BASE}/certificate.pem",
        "processor_certificate_is_self_signed": pair().is_own_make,
    }
    return signed(document, 200)


@hot("GET", route=ROUTE, cors=False)
def certificate(request: HttpRequest) -> HttpResponse:
    """GET /opendsr/v2/certificate.pem: what signatures are checked with. No key: it is public."""
    enforce_address(request, ROUTE)
    return HttpResponse(pair().certificate, content_type="application/x-pem-file")


@hot("POST", route=ROUTE, cors=False)
def submit(request: HttpRequest) -> HttpResponse:
    """POST /opendsr/v2/requests: receive a request, or find it received."""
    caller = authenticate(request, allow=("sk",))
    enforce(caller, ROUTE)
    body = read_body(request, MAX_BODY_BYTES)
    asked = asked_in(body, domain=domain())
    found = _received(caller, asked)
    document = {
        "controller_id": controller_id(found),
        "received_time": _time(found.received_at),
        "expected_completion_time": _time(found.internal_due_at),
        "encoded_request": base64.b64encode(body).decode(),
        "subject_request_id": str(asked.id),
        "api_version": VERSION,
    }
    return signed(document, 201)


@hot("GET", "DELETE", route=ROUTE, cors=False)
def one(request: HttpRequest, request_id: str) -> HttpResponse:
    """GET /opendsr/v2/requests/{id} tells how it stands; DELETE takes a pending one back."""
    caller = authenticate(request, allow=("sk",))
    enforce(caller, ROUTE)
    if not is_id(request_id):
        raise InvalidRequest("The id of a request is a lower-case UUID of version 4.")
    found = _found(caller.site_id, UUID(request_id))
    if found is None:
        raise NotFound("There is no request of this id.")
    if request.method == "DELETE":
        return _taken_back(found)
    return signed(status_of(found), 200)


def status_of(found: Request, state: str = "") -> dict[str, Any]:
    """Return how a request stands (or stood in a state), as status and callbacks say it."""
    state = state or found.state
    document: dict[str, Any] = {
        "controller_id": controller_id(found),
        "expected_completion_time": _time(found.internal_due_at),
        "subject_request_id": str(found.opendsr_id),
        "request_status": STATUS[state],
        "api_version": VERSION,
    }
    if STATUS[state] == "completed":
        document["results_count"] = int(found.outcome.get("results", 0))
        package = packages.open_of(found, now=clock.now())
        link = "" if package is None else packages.link_of(package)
        if link:
            document["results_url"] = f"{settings.PUBLIC_ORIGIN}{link}/data.json"
    return document


def controller_id(found: Request) -> str:
    """Return by what a controller is known here: its site."""
    return found.site.key


def _received(caller: Caller, asked: Asked) -> Request:
    """The request of this id, received now if it is new.

    Raises:
        InvalidRequest: the id came with another body before.
    """
    found = _found(caller.site_id, asked.id)
    if found is None:
        try:
            with transaction.atomic():
                found = _new(caller.site_id, asked)
        except IntegrityError:  # the same came twice at once
            found = _found(caller.site_id, asked.id)
            if found is None:
                raise
    if found.opendsr_digest != asked.digest:
        raise InvalidRequest("This subject_request_id came with another request before.")
    return found


def _new(site_id: UUID, asked: Asked) -> Request:
    return requests.receive(
        site_id=site_id,
        kind=asked.kind,
        route=Request.Route.OPENDSR,
        names=asked.names,
        regulation=asked.regulation,
        verified_how="controller",
        opendsr_id=asked.id,
        opendsr_digest=asked.digest,
        callbacks=asked.callbacks,
        now=clock.now(),
    )


def _found(site_id: UUID, opendsr_id: UUID) -> Request | None:
    rows = Request.objects.filter(site_id=site_id, opendsr_id=opendsr_id)
    return rows.select_related("site").first()


def _taken_back(found: Request) -> HttpResponse:
    now = clock.now()
    try:
        requests.cancel(request_id=found.pk, actor=None, by="controller", now=now)
    except RequestNotOpen:
        raise InvalidRequest("Only a pending request can be cancelled.") from None
    document = {
        "controller_id": controller_id(found),
        "received_time": _time(now),
        "subject_request_id": str(found.opendsr_id),
        "api_version": VERSION,
    }
    return signed(document, 202)


def _time(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
