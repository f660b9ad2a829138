"""Requests from receipt to their end: each step checks the state under a lock and writes the log.

received -> verifying -> approved -> in_progress -> completed
                              any of the open states -> refused
received, verifying, approved -> cancelled        in_progress <-> failed (tried again)
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.access.models import Regime, Site
from apps.privacy import request_messages as messages
from apps.privacy.clocks import Clock, begin_of, clock_of, day_of, end_of, reminders_between
from apps.privacy.errors import ReasonRequired, RequestNotOpen
from apps.privacy.models.erasures import Erasure
from apps.privacy.models.requests import OPEN, Reminder, Request
from apps.privacy.request_log import log
from apps.privacy.request_steps import (
    AT_ONCE,
    WORKED_ON,
    Actor,
    Kind,
    State,
    approved,
    checked_reason,
    completed,
    end,
    locked,
    move,
    release,
    verified,
)
from apps.privacy.subjects import Name, Names, digests_of, sealed_names
from apps.privacy.subjects import names_of as names_in

# Why a request may be refused, or an erasure be limited.
ARTICLES: Final[Mapping[str, str]] = {
    "12(5)": "GDPR 12(5): manifestly unfounded or excessive",
    "12(6)": "GDPR 12(6): the person could not be identified",
    "15(4)": "GDPR 15(4): it would adversely affect others",
    "17(3)(a)": "GDPR 17(3)(a): freedom of expression and information",
    "17(3)(b)": "GDPR 17(3)(b): a legal obligation to keep it",
    "17(3)(d)": "GDPR 17(3)(d): archiving, research or statistics",
    "17(3)(e)": "GDPR 17(3)(e): legal claims",
    "21(1)": "GDPR 21(1): compelling legitimate grounds",
    "1798.105(d)": "CCPA 1798.105(d): an exception from deletion",
    "1798.130(a)": "CCPA 1798.130(a): not a verifiable consumer request",
    "1798.145(h)": "CCPA 1798.145(h): manifestly unfounded or excessive",
}
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is read as something else
_UNDECIDED: Final = (State.RECEIVED, State.VERIFYING)
_CANCELLABLE: Final = (State.RECEIVED, State.VERIFYING, State.APPROVED)


@transaction.atomic
def receive(
    *,
    site_id: UUID,
    kind: str,
    route: str,
    names: Sequence[Name],
    now: datetime,
    contact: str = "",
    told: str = "",
    agent: str = "",
    regulation: str = "",
    language: str = "en",
    verified_how: str = "",
    actor: Actor = None,
    opendsr_id: UUID | None = None,
    opendsr_digest: str = "",
    callbacks: Sequence[str] = (),
) -> Request:
    """Write down a request and start its clock. The statements are the same for whoever asks.

    A second one of the same kind about the same person joins the first that is open. It keeps its
    own clock and its own verification.

    Args:
        names: identities (kind, value); ("email", address) is an address in clear.
        contact: where answers go; "" for nowhere.
        regulation: "gdpr" or "ccpa"; else that of the site's regime.
        verified_how: how the person was recognized already ("signed_in", "link", "controller").
    """
    site = Site.objects.get(pk=site_id)
    request = Request(
        site=site,
        public_ref=_new_reference(),
        kind=kind,
        regulation=regulation or _regulation_of(site),
        route=route,
        language=language[:20],
        received_at=now,
        subject_digests=digests_of(site_id, names),
        opendsr_id=opendsr_id,
        opendsr_digest=opendsr_digest,
        callbacks=list(callbacks),
        # A machine has its receipt with the answer.
        confirmed_at=now if route == Request.Route.OPENDSR else None,
    )
    clock = _start_clock(request, site)
    request.names_enc = sealed_names(request, Names(tuple(names), contact, told, agent))
    request.joined_to = _first_of(request)
    request.save(force_insert=True)
    _remind(request, clock.reminders)
    log(request, "received", actor=actor, by=route, now=now, detail=_circumstances(request))
    if verified_how:
        # A controller has decided before it asks; a person whom we know asks, and we decide.
        verified(request, names, verified_how, actor, now)
        if verified_how == "controller" or kind in AT_ONCE:
            approved(request, actor, now)
    return request


@transaction.atomic
def ask_for_proof(*, request_id: UUID, actor: Actor, now: datetime, how: str) -> Request:
    """Say that somebody has begun to make sure who asks; `how` is "link" or "officer"."""
    request = locked(request_id, _UNDECIDED)
    move(request, State.VERIFYING)
    log(request, "verification_begun", actor=actor, now=now, detail={"how": how})
    return request


@transaction.atomic
def confirm_receipt(*, request_id: UUID, actor: Actor, now: datetime) -> Request:
    """Say that the person was told that the request has arrived (11 CCR 7021(a)). Twice is once."""
    request = locked(request_id, OPEN)
    if request.confirmed_at is None:
        request.confirmed_at = now
        request.save(update_fields=["confirmed_at"])
        log(request, "receipt_confirmed", actor=actor, now=now)
    return request


@transaction.atomic
def verify(
    *, request_id: UUID, how: str, actor: Actor, now: datetime, proved: Sequence[Name] | None = None
) -> Request:
    """Say that the request comes from the person. What the law wants at once is begun.

    Args:
        how: "link", "signed_in", "officer" or "controller".
        proved: the names that are proved to be the person's; None: all that were given.
    """
    request = locked(request_id, _UNDECIDED)
    names = names_in(request).given if proved is None else tuple(proved)
    verified(request, names, how, actor, now)
    if request.kind in AT_ONCE and request.bulk_id is None:
        approved(request, actor, now)
    return request


@transaction.atomic
def approve(*, request_id: UUID, actor: Actor, now: datetime) -> Request:
    """Decide that it is done, and have it done.

    Raises:
        RequestNotVerified: nobody has checked who asks.
        RequestNotOpen: it is decided, or waits for the second officer of a bulk action.
    """
    request = locked(request_id, _UNDECIDED)
    if request.bulk_id is not None:
        raise RequestNotOpen("This request is part of a bulk action: another officer decides.")
    approved(request, actor, now)
    return request


@transaction.atomic
def extend(*, request_id: UUID, reason: str, actor: Actor, now: datetime) -> Request:
    """Take the longer time of the law, and tell the person why.

    Raises:
        RequestNotOpen: it has ended, was extended, cannot be, or the time to say so is over.
        ReasonRequired: no reason, or one that names the person.
    """
    request = locked(request_id, OPEN)
    words = checked_reason(request, reason)
    if request.extended_at is not None:
        raise RequestNotOpen("It was extended already: the law allows it once.")
    if request.extended_due_on == request.due_on:
        raise RequestNotOpen("The law gives no longer time for this kind of request.")
    if now >= end_of(request.due_on, request.time_zone):
        raise RequestNotOpen("The first time is over: the person had to be told inside it.")
    first_due = request.due_on
    request.extended_at, request.extension_reason = now, words
    request.due_on = request.extended_due_on
    request.save(update_fields=["extended_at", "extension_reason", "due_on"])
    request.reminders.filter(sent_at=None).exclude(kind=Reminder.Kind.CONFIRM).delete()
    _remind(request, reminders_between(day_of(now, request.time_zone), request.due_on))
    told = messages.extended(request, now)
    detail = {"from": first_due.isoformat(), "to": request.due_on.isoformat(), "told": told}
    log(request, "extended", actor=actor, now=now, detail=detail)
    return request


@transaction.atomic
def refuse(*, request_id: UUID, article: str, reason: str, actor: Actor, now: datetime) -> Request:
    """Decide that it is not done: the article, and a written reason that the person is told.

    Raises:
        RequestNotOpen: it has ended or is being carried out.
        ReasonRequired: no article we know, no reason, or one that names the person.
    """
    request = locked(request_id, OPEN)
    if has_begun_erasing(request):
        raise RequestNotOpen("The erasure has begun: what is gone cannot be refused any more.")
    if article not in ARTICLES:
        raise ReasonRequired("Choose the article that the refusal rests on.")
    request.refusal_article, request.refusal_reason = article, checked_reason(request, reason)
    request.save(update_fields=["refusal_article", "refusal_reason"])
    told = messages.refused(request, now)
    is_late = now >= end_of(request.due_on, request.time_zone)
    detail = {"article": article, "told": told, "late": is_late}
    end(request, State.REFUSED, actor=actor, now=now, detail=detail)
    release(request, now)
    return request


def has_begun_erasing(request: Request) -> bool:
    """Whether something may be gone: of one that failed to begin, nothing is."""
    has_failed_to = request.state == State.FAILED and not request.outcome.get("erasures")
    is_under_way = request.state in (State.IN_PROGRESS, State.FAILED)
    return request.kind == Kind.ERASURE and is_under_way and not has_failed_to


@transaction.atomic
def cancel(*, request_id: UUID, actor: Actor, now: datetime, by: str = "") -> Request:
    """End a request that nobody wants any more. Its duplicates go on by themselves.

    Raises:
        RequestNotOpen: it is being carried out, or has ended.
    """
    request = locked(request_id, _CANCELLABLE)
    messages.cancelled(request, now)
    end(request, State.CANCELLED, actor=actor, now=now, by=by)
    release(request, now)
    return request


@transaction.atomic
def begin_work(*, request_id: UUID, now: datetime) -> Request | None:
    """Take an approved (or failed) request in hand; None when there is nothing to do."""
    request = Request.objects.select_for_update().filter(pk=request_id).first()
    if request is None or request.state not in WORKED_ON:
        return None
    if request.state != State.IN_PROGRESS:
        is_news = request.state != State.FAILED
        move(request, State.IN_PROGRESS)
        log(request, "begun", actor=None, now=now)
        if is_news:
            messages.call_back(request, now)
    return request


@transaction.atomic
def fail(*, request_id: UUID, trouble: str, now: datetime) -> None:
    """Say that carrying it out went wrong; it is tried again. `trouble` names nobody."""
    request = locked(request_id, WORKED_ON)
    request.failures, request.trouble = request.failures + 1, trouble[:200]
    request.save(update_fields=["failures", "trouble"])
    if request.state != State.FAILED:
        move(request, State.FAILED)
    log(request, "failed", actor=None, now=now, detail={"trouble": request.trouble})


@transaction.atomic
def complete(
    *, request_id: UUID, outcome: Mapping[str, Any], actor: Actor, now: datetime
) -> Request:
    """Say that it is done, with counts and ids of what was; duplicates that are verified are too.

    Raises:
        RequestNotOpen: it is not being carried out.
    """
    request = locked(request_id, (State.IN_PROGRESS, State.FAILED))
    completed(request, outcome, actor, now)
    return request


@transaction.atomic
def complete_erasure(*, request_id: UUID, erasure_id: UUID, now: datetime) -> None:
    """End the request of an erasure that has its certificate, and was the last one of it.

    Twice: the second finds it ended.
    """
    request = Request.objects.select_for_update().filter(pk=request_id).first()
    if request is None or request.state not in WORKED_ON:
        return
    ids = {str(erasure_id), *request.outcome.get("erasures", ())}
    others = Erasure.objects.filter(pk__in=ids).exclude(pk=erasure_id)
    if others.exclude(state=Erasure.State.COMPLETED).exists():
        return
    completed(request, {"erasures": sorted(ids)}, None, now)


def _start_clock(request: Request, site: Site) -> Clock:
    zone = request.time_zone = site.time_zone
    begun, closed = day_of(request.received_at, zone), holidays_of(site)
    clock = clock_of(request.regulation, begun, zone, closed, kind=request.kind)
    request.confirm_by, request.due_on = clock.confirm_by, clock.due
    request.extended_due_on = clock.extended_due
    request.internal_due_at = end_of(clock.internal_due, zone)
    return clock


def holidays_of(site: Site) -> frozenset[date]:
    """Return the days on which the site's office is closed, beside weekends.

    They are `holidays` in its privacy settings, as ISO dates; what is none counts for nothing.
    """
    given = site.privacy_settings.get("holidays", [])
    return frozenset(filter(None, map(_day_in, given if isinstance(given, list) else [])))


def _day_in(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def _first_of(request: Request) -> Request | None:
    """The oldest open request of the same kind about one of the same names."""
    return (
        Request.objects.filter(
            site_id=request.site_id,
            kind=request.kind,
            state__in=OPEN,
            joined_to=None,
            subject_digests__overlap=request.subject_digests,
        )
        .order_by("received_at")
        .first()
    )


def _regulation_of(site: Site) -> str:
    is_us = site.regime == Regime.US_OPT_OUT
    return Request.Regulation.CCPA if is_us else Request.Regulation.GDPR


def _new_reference() -> str:
    """Eight letters that can be read out: a trillion of them, and the table refuses a second."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"R-{letters[:4]}-{letters[4:]}"


def _remind(request: Request, days: Sequence[tuple[str, Any]]) -> None:
    Reminder.objects.bulk_create(
        [
            Reminder(
                request=request,
                kind=kind,
                remind_on=day,
                remind_at=begin_of(day, request.time_zone),
            )
            for kind, day in days
        ],
        ignore_conflicts=True,
    )


def _circumstances(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": request.kind, "regulation": request.regulation}
    found |= {"route": request.route, "due": request.due_on.isoformat()}
    if request.joined_to is not None:
        found["joined"] = request.joined_to.public_ref
    return found
