"""Making sure that a request comes from the person: a link to their address, or an officer's check.

No more is asked for than the risk needs, and what was shown is forgotten with the decision.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.access.models import Source
from apps.privacy import request_messages as messages
from apps.privacy import requests
from apps.privacy.errors import ReasonRequired, RequestNotOpen
from apps.privacy.models.requests import Request
from apps.privacy.request_log import log
from apps.privacy.request_steps import AT_ONCE
from apps.privacy.sealed_text import token_of, value_of
from apps.privacy.subjects import (
    EMAIL,
    Name,
    identities_in,
    names_of,
    profiles_of,
    sealed_evidence,
)

LASTS: Final = timedelta(days=7)
PATH: Final = "/privacy/confirm/"
LEAST_EVIDENCE: Final = 10  # characters
MOST_EVIDENCE: Final = 1_000
_USE: Final = "confirm"


class _Link(msgspec.Struct, frozen=True):
    """What a link proves: that somebody reads the mail of this request's address."""

    request: UUID
    ends_s: int


def send_link(request: Request, *, actor: AbstractBaseUser | None, now: datetime) -> Request:
    """Send the link that proves the address, and say so in the log.

    Raises:
        RequestNotOpen: it is decided, or has no address.
    """
    if not names_of(request).contact:
        raise RequestNotOpen("This request has no address that a link could be sent to.")
    ends_s = int((now + LASTS).timestamp())
    token = token_of(_USE, _Link(request.pk, ends_s))
    with transaction.atomic():
        asked = requests.ask_for_proof(request_id=request.pk, actor=actor, now=now, how="link")
        messages.received(asked, now, link=f"{PATH}{token}")
        if asked.confirmed_at is None:
            # The mail also says that the request has arrived: California's confirmation.
            asked.confirmed_at = now
            asked.save(update_fields=["confirmed_at"])
    return asked


def request_of(token: str, *, now: datetime) -> Request | None:
    """Return the request that a link confirms; None for one that is over or was not made here."""
    link = value_of(_USE, token, _Link)
    if link is None or link.ends_s <= now.timestamp():
        return None
    return Request.objects.filter(pk=link.request).select_related("site").first()


@transaction.atomic
def confirm(request: Request, *, now: datetime) -> None:
    """Take the proof of a link: twice is once. Who asks for somebody else still shows a mandate.

    Of an address that proves nothing about whom it leads to an officer makes sure.
    """
    request = Request.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if request.verified_at is not None or request.state not in (
        Request.State.RECEIVED,
        Request.State.VERIFYING,
    ):
        return
    names = names_of(request)
    if names.agent:
        log(request, "address_confirmed", actor=None, by="the agent", now=now)
        return
    if request.kind not in AT_ONCE and _leads_to_who_may_not_have_told(request):
        log(request, "address_confirmed", actor=None, by="the person", now=now)
        return
    requests.verify(
        request_id=request.pk, how="link", actor=None, now=now, proved=proved_by_mail(request)
    )


def _leads_to_who_may_not_have_told(request: Request) -> bool:
    """Whether the address is a trait of somebody whom any browser could have told it of.

    Where logins are believed without proof, a stranger can write their own address into somebody
    else's profile, and would be handed that person's data: an officer looks first.
    """
    trusting = Source.objects.filter(
        site_id=request.site_id, kind=Source.Kind.BROWSER, is_user_proof_required=False
    )
    addresses = [name for name in names_of(request).given if name[0] == EMAIL]
    own = set(profiles_of(request.site_id, identities_in(addresses), with_told=False))
    return not own.issuperset(profiles_of(request.site_id, addresses)) and trusting.exists()


def proved_by_mail(request: Request) -> list[Name]:
    """Return the names that are proved with the address: it, and those that lead where it leads.

    A customer number of somebody else's is not the sender's because they can read their own mail.
    """
    given = names_of(request).given
    addresses = [name for name in given if name[0] == EMAIL]
    own = set(profiles_of(request.site_id, addresses))
    return [
        name
        for name in given
        if name in addresses or own.issuperset(profiles_of(request.site_id, [name]) or {None})
    ]


@transaction.atomic
def note_evidence(
    *, request_id: UUID, words: str, actor: AbstractBaseUser, now: datetime
) -> Request:
    """Keep what an officer saw, encrypted, until the decision.

    Raises:
        RequestNotOpen: it is decided.
        ReasonRequired: nothing is said.
    """
    text = " ".join(words.replace("\x00", "").split())[:MOST_EVIDENCE]
    if len(text) < LEAST_EVIDENCE:
        raise ReasonRequired(
            "Say what you have checked, such as: called back, knew the last order."
        )
    request = requests.ask_for_proof(request_id=request_id, actor=actor, now=now, how="officer")
    request.evidence_enc = sealed_evidence(request, text)
    request.save(update_fields=["evidence_enc"])
    return request


def unproved(request: Request) -> list[str]:
    """Return the kinds of the names that the person's mail would not prove, for the officer."""
    proved = set(proved_by_mail(request))
    return [kind for kind, value in names_of(request).given if (kind, value) not in proved]


def ways_to(request: Request) -> dict[UUID, list[str]]:
    """Return, of each profile that the names lead to, by which kinds of names."""
    found = profiles_of(
        request.site_id,
        names_of(request).given,
        with_shared=request.kind in AT_ONCE,
    )
    return {profile_id: sorted({kind for kind, _ in names}) for profile_id, names in found.items()}
