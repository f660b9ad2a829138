"""Rights that stop something at once: restriction, objection, opt-out of sale, the limit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.consent import holds
from apps.consent import services as consent
from apps.privacy import told_recipients
from apps.privacy.errors import RequestNotOpen
from apps.privacy.models.requests import Request
from apps.privacy.request_log import log
from apps.privacy.subjects import identities_in, names_of, profiles_of, subjects_of

METHOD: Final = "officer"
_REFUSED: Final[Mapping[str, Mapping[str, bool]]] = {
    Request.Kind.OPT_OUT: {"advertising": False, "sale": False},
    Request.Kind.LIMIT: {"sensitive": False},
}
# What stands in the way of all use, or of profiling for marketing, until somebody lifts it.
_HOLDS: Final[Mapping[str, holds.Name]] = {
    Request.Kind.RESTRICTION: "restricted",
    Request.Kind.OBJECTION: "objected",
}


def stop(request: Request, *, now: datetime) -> dict[str, Any]:
    """Stop what the request asks to stop; return how many profiles and recipients it concerned."""
    people = subjects_of(request)
    hold = _HOLDS.get(request.kind)
    if hold is not None:
        for profile_id in people:
            holds.put(
                request.site_id,
                profile_id,
                hold,
                actor=None,
                reason_code=request.public_ref,
                now=now,
            )
    else:
        _refuse(request, now)
    return {"profiles": len(people), "recipients": told_recipients.tell(request, people, now=now)}


def _refuse(request: Request, now: datetime) -> None:
    given = identities_in(names_of(request).given)
    known = [name for names in profiles_of(request.site_id, given).values() for name in names]
    # Of somebody who is not here yet the refusal is kept under the first name: it counts later.
    names = known or given[:1]
    if names:
        consent.record_choice(
            site_id=request.site_id,
            source_id=None,
            identities=names,
            purposes=_REFUSED[request.kind],
            method=METHOD,
            policy_version="",
            gpc=False,
            signals={},
            client_at=None,
            regime=request.site.regime,
            now=now,
        )


@transaction.atomic
def lift(*, request: Request, actor: AbstractBaseUser, told: str, now: datetime) -> int:
    """End a restriction or an objection; return of how many profiles.

    Args:
        told: when and how the person was told before (GDPR article 18(3)).

    Raises:
        RequestNotOpen: it restricted nothing, or nobody was told.
    """
    hold = _HOLDS.get(request.kind)
    if hold is None or request.state != Request.State.COMPLETED:
        raise RequestNotOpen("This request has restricted nothing that could be lifted.")
    if len(told.strip()) < 10:
        raise RequestNotOpen(
            "Say how and when the person was told: a restriction is lifted only after that."
        )
    people = subjects_of(request)
    for profile_id in people:
        holds.lift(
            request.site_id,
            profile_id,
            hold,
            actor=actor,
            reason_code=request.public_ref,
            now=now,
        )
    log(request, "lifted", actor=actor, now=now, detail={"profiles": len(people)})
    return len(people)
