"""What a person is told about their request, by mail; and a controller's callbacks."""

from datetime import datetime
from typing import Any

from django.conf import settings

from apps.privacy import mailing, packages
from apps.privacy.models.requests import Request
from apps.privacy.subjects import names_of
from apps.work import services as work

CALL_BACK = "privacy.call_back"


def received(request: Request, now: datetime, *, link: str) -> bool:
    """Send the link with which the person confirms that the request is theirs."""
    return _send(request, "request_received", now, link=settings.PUBLIC_ORIGIN + link)


def extended(request: Request, now: datetime) -> bool:
    """Tell that it takes longer, and why; return whether there was an address."""
    return _send(request, "request_extended", now, reason=request.extension_reason)


def refused(request: Request, now: datetime) -> bool:
    """Tell that it is not done, why, and where to complain."""
    return _send(
        request,
        "request_refused",
        now,
        reason=request.refusal_reason,
        article=request.refusal_article,
    )


def cancelled(request: Request, now: datetime) -> bool:
    """Tell that the request was withdrawn."""
    return _send(request, "request_cancelled", now)


def completed(request: Request, now: datetime) -> bool:
    """Tell that it is done; of a package the link alone, which ends with it."""
    package = packages.open_of(request, now=now)
    link = "" if package is None else settings.PUBLIC_ORIGIN + packages.link_of(package)
    return _send(request, "request_completed", now, link=link)


def call_back(request: Request, now: datetime) -> None:
    """Have each address that the controller gave told of the new state, signed and retried."""
    for number, url in enumerate(request.callbacks):
        if not url:
            continue
        work.ask(
            CALL_BACK,
            key=f"{request.pk.hex}:{number}:{request.state}",
            site_id=request.site_id,
            payload={"request": request.pk.hex, "number": number, "state": request.state},
            queue="fast",
            now=now,
        )


def _send(request: Request, template: str, now: datetime, **values: Any) -> bool:
    contact = names_of(request).contact
    if not contact:
        return False
    mailing.ask_to_send(
        site_id=request.site_id,
        to=contact,
        template=template,
        values={
            "reference": request.public_ref,
            "kind": request.get_kind_display(),
            "site": request.site.name,
            "due": f"{request.due_on:%d %B %Y}",
            **values,
        },
        now=now,
    )
    return True
