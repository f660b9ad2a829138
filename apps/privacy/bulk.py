"""Four eyes: what concerns several people is asked for by one officer and decided by another.

Each request keeps its own verification, clock and log; the second officer's yes approves them all.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from apps.privacy.errors import ReasonRequired, RequestNotOpen, SecondOfficerRequired
from apps.privacy.models.requests import BulkAction, BulkVote, Request
from apps.privacy.request_log import log
from apps.privacy.request_steps import approved

DECIDE: Final = "privacy.decide_bulk"
LEAST: Final = 2
MOST: Final = 1_000
_EXPORTS: Final = frozenset({Request.Kind.ACCESS, Request.Kind.PORTABILITY})
_UNDECIDED: Final = (Request.State.RECEIVED, Request.State.VERIFYING)
State = BulkAction.State


@transaction.atomic
def ask(*, request_ids: Sequence[UUID], reason: str, actor: User, now: datetime) -> BulkAction:
    """Put verified requests together and wait for a second officer.

    Raises:
        RequestNotOpen: they are of several sites or kinds, decided, or not verified; one by name.
        ReasonRequired: nothing is said why.
    """
    words = " ".join(reason.split())[:300]
    if len(words) < 10:
        raise ReasonRequired("Say in 10 characters at least why they are done together.")
    rows = list(
        Request.objects.select_for_update(of=("self",)).filter(pk__in=request_ids).order_by("pk")
    )
    if not LEAST <= len(rows) <= MOST:
        raise RequestNotOpen(f"Choose {LEAST} to {MOST:,} requests.")
    kind = _kind_of(rows)
    for row in rows:
        if row.state not in _UNDECIDED or row.verified_at is None or row.bulk_id is not None:
            raise RequestNotOpen(
                f"Request {row.public_ref} is not verified, decided already, or part of another "
                "bulk action."
            )
    asked = BulkAction.objects.create(
        site_id=rows[0].site_id, kind=kind, reason=words, asked_by=actor, asked_at=now
    )
    for row in rows:
        row.bulk = asked
        row.save(update_fields=["bulk"])
        log(row, "bulk_asked", actor=actor, now=now, detail={"bulk": str(asked.pk)})
    return asked


@transaction.atomic
def vote(*, bulk_id: UUID, is_yes: bool, words: str, actor: User, now: datetime) -> BulkAction:
    """Let it happen, or not. A yes approves each request that is still undecided.

    Raises:
        SecondOfficerRequired: it is the same officer, or one who may not decide.
        RequestNotOpen: it is decided.
        ReasonRequired: a no without a reason.
    """
    asked = _waiting(bulk_id)
    if asked.asked_by_id == actor.pk or not actor.has_perm(DECIDE):
        raise SecondOfficerRequired(
            "Another officer decides: what concerns several people needs two pairs of eyes."
        )
    said = " ".join(words.split())[:300]
    if not is_yes and len(said) < 10:
        raise ReasonRequired("Say in 10 characters at least why not.")
    BulkVote.objects.create(bulk=asked, officer=actor, is_yes=is_yes, words=said, at=now)
    asked.state = State.APPROVED if is_yes else State.REFUSED
    asked.save(update_fields=["state"])
    for row in _requests_of(asked):
        if is_yes and row.state in _UNDECIDED:
            approved(row, actor, now)
        elif not is_yes:
            _let_go(row, "bulk_refused", actor, now)
    return asked


@transaction.atomic
def withdraw(*, bulk_id: UUID, actor: User, now: datetime) -> BulkAction:
    """Take back what one has asked for; the requests can be decided one by one again.

    Raises:
        RequestNotOpen: it is decided.
        SecondOfficerRequired: somebody else has asked for it: they refuse it instead.
    """
    asked = _waiting(bulk_id)
    if asked.asked_by_id != actor.pk:
        raise SecondOfficerRequired("Only who asked for it takes it back. You can refuse it.")
    asked.state = State.WITHDRAWN
    asked.save(update_fields=["state"])
    for row in _requests_of(asked):
        _let_go(row, "bulk_withdrawn", actor, now)
    return asked


def _kind_of(rows: Sequence[Request]) -> str:
    kinds = {row.kind for row in rows}
    if len({row.site_id for row in rows}) > 1:
        raise RequestNotOpen("Choose requests of one site.")
    if kinds == {Request.Kind.ERASURE}:
        return BulkAction.Kind.ERASURE
    if kinds <= _EXPORTS:
        return BulkAction.Kind.EXPORT
    raise RequestNotOpen(
        "Choose erasures alone, or access and portability alone: the rest is decided one by one."
    )


def _waiting(bulk_id: UUID) -> BulkAction:
    asked = BulkAction.objects.select_for_update().get(pk=bulk_id)
    if asked.state != State.WAITING:
        raise RequestNotOpen(f"This was decided: {asked.get_state_display().lower()}.")
    return asked


def _requests_of(asked: BulkAction) -> list[Request]:
    return list(Request.objects.select_for_update(of=("self",)).filter(bulk=asked).order_by("pk"))


def _let_go(row: Request, kind: str, actor: User, now: datetime) -> None:
    row.bulk = None
    row.save(update_fields=["bulk"])
    log(row, kind, actor=actor, now=now)
