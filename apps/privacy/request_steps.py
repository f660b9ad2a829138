"""What the verbs of requests.py are made of; each is called with the request's row locked."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from apps.privacy import request_messages as messages
from apps.privacy.errors import ReasonRequired, RequestNotOpen, RequestNotVerified
from apps.privacy.models.requests import OPEN, Request, RequestSubject
from apps.privacy.request_log import log
from apps.privacy.subjects import Name, Names, digests_of, profiles_of, sealed_names
from apps.privacy.subjects import names_of as names_in
from apps.work import services as work

Actor = AbstractBaseUser | None
State = Request.State
Kind = Request.Kind

CARRY_OUT: Final = "privacy.carry_out"
LEAST_REASON: Final = 10  # characters
MOST_REASON: Final = 2_000
# The law wants these at once: no officer weighs them once the person is known to have asked.
AT_ONCE: Final = frozenset({Kind.OPT_OUT, Kind.LIMIT, Kind.OBJECTION, Kind.RESTRICTION})
# A link of its own, for two letters may go to two addresses; or a question of its own.
_EACH_BY_ITSELF: Final = frozenset({Kind.ACCESS, Kind.PORTABILITY, Kind.RECTIFICATION, Kind.REVIEW})
WORKED_ON: Final = (State.APPROVED, State.IN_PROGRESS, State.FAILED)


def locked(request_id: UUID, states: Collection[str]) -> Request:
    """Return a request, locked, if it is in one of the states.

    Raises:
        RequestNotOpen: it is in another.
    """
    request = Request.objects.select_for_update(of=("self",)).get(pk=request_id)
    if request.state not in states:
        raise RequestNotOpen(
            f"Request {request.public_ref} is {request.get_state_display().lower()}: "
            "that cannot be done with it any more."
        )
    return request


def move(request: Request, state: str) -> None:
    """Put a request into another state."""
    request.state = state
    request.save(update_fields=["state"])


def verified(
    request: Request, names: Sequence[Name], how: str, actor: Actor, now: datetime
) -> None:
    """Write down which names are proved to be the person's, and whose profiles they lead to."""
    # What is told, taken along, changed or deleted is one person's: of a device that several used
    # nobody can say whose. What only stops something counts for whoever has it now.
    found = profiles_of(request.site_id, names, with_shared=request.kind in AT_ONCE)
    RequestSubject.objects.filter(request=request).delete()
    RequestSubject.objects.bulk_create(
        RequestSubject(request=request, profile_id=profile_id) for profile_id in found
    )
    request.subject_digests = digests_of(request.site_id, names)
    request.names_enc = sealed_names(request, _narrowed(request, names))
    request.verified_how, request.verified_at = how, now
    request.verified_by_id = None if actor is None else actor.pk
    request.state = State.VERIFYING
    request.save(
        update_fields=[
            "subject_digests", "names_enc", "verified_how", "verified_at", "verified_by", "state",
        ]
    )  # fmt: skip
    detail = {"how": how, "names": len(names), "profiles": len(found)}
    log(request, "verified", actor=actor, by="the person", now=now, detail=detail)


def _narrowed(request: Request, names: Sequence[Name]) -> Names:
    given = names_in(request)
    return Names(tuple(names), given.contact, given.told, given.agent)


def approved(request: Request, actor: Actor, now: datetime) -> None:
    """Say that it is to be done. A duplicate of one that is being done waits for that one.

    One whose first still waits to be verified or decided waits for nobody: the first joins it.

    Raises:
        RequestNotVerified: nobody has checked who asks.
    """
    if request.verified_at is None:
        raise RequestNotVerified
    empty_evidence(request, now)
    move(request, State.APPROVED)
    log(request, "approved", actor=actor, by=request.verified_how, now=now)
    if request.joined_to_id is not None:
        # Without its lock, which whoever ends it holds while taking ours: should it end just now,
        # the schedule finds this one.
        first = Request.objects.get(pk=request.joined_to_id)
        if first.state in WORKED_ON:
            return
        _lead(request, first)
    ask_to_carry_out(request, now)


def _lead(request: Request, first: Request) -> None:
    """Let a decided duplicate go ahead of the first and of those that had joined it."""
    if first.state in OPEN:
        joined = Request.objects.filter(Q(pk=first.pk) | Q(joined_to=first))
        joined.exclude(pk=request.pk).update(joined_to=request)
    request.joined_to = None
    request.save(update_fields=["joined_to"])


def ask_to_carry_out(request: Request, now: datetime) -> None:
    """Have a worker do what was approved."""
    work.ask(
        CARRY_OUT,
        key=request.pk.hex,
        site_id=request.site_id,
        payload={"request": request.pk.hex},
        queue="fast",
        now=now,
    )


def completed(request: Request, outcome: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """End a request that was done, and of those that had joined it what was done with it.

    One that names more, or leads to more people, is carried out by itself.
    """
    covered = [twin.pk for twin in request.joined.all() if _is_covered(twin, request)]
    request.outcome = {**request.outcome, **outcome}
    request.trouble = ""
    request.save(update_fields=["outcome", "trouble"])
    messages.completed(request, now)
    end(request, State.COMPLETED, actor=actor, now=now, detail=dict(outcome))
    for twin in Request.objects.select_for_update().filter(joined_to=request, state__in=WORKED_ON):
        if request.kind in _EACH_BY_ITSELF or twin.pk not in covered:
            twin.joined_to = None
            twin.save(update_fields=["joined_to"])
            ask_to_carry_out(twin, now)
        else:
            twin.outcome = {**outcome, "joined": request.public_ref}
            twin.save(update_fields=["outcome"])
            messages.completed(twin, now)
            end(twin, State.COMPLETED, actor=actor, now=now, detail={"joined": request.public_ref})


def _is_covered(twin: Request, request: Request) -> bool:
    """Whether what was done for a request was done about everybody whom a twin names."""
    people = RequestSubject.objects.filter(request=request).values("profile_id")
    others = RequestSubject.objects.filter(request=twin).exclude(profile_id__in=people)
    return set(twin.subject_digests) <= set(request.subject_digests) and not others.exists()


def end(
    request: Request,
    state: str,
    *,
    actor: Actor,
    now: datetime,
    by: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Close a request: its names, evidence and notes go, what was done stays."""
    empty_evidence(request, now)
    request.state, request.ended_at, request.names_enc = state, now, b""
    fields = ["state", "ended_at", "names_enc"]
    if state == State.COMPLETED and request.kind == Kind.ERASURE:
        request.subject_digests = []
        fields.append("subject_digests")
        RequestSubject.objects.filter(request=request).delete()
    request.save(update_fields=fields)
    request.notes.all().delete()
    request.reminders.filter(sent_at=None).delete()
    log(request, state, actor=actor, by=by, now=now, detail=detail)
    messages.call_back(request, now)


def empty_evidence(request: Request, now: datetime) -> None:
    """Forget what was shown as proof: the decision needs it no longer."""
    if request.evidence_enc:
        request.evidence_enc, request.evidence_emptied_at = b"", now
        request.save(update_fields=["evidence_enc", "evidence_emptied_at"])


def release(request: Request, now: datetime) -> None:
    """Let the duplicates of a request that was not carried out go on by themselves."""
    for twin in Request.objects.select_for_update().filter(joined_to=request):
        twin.joined_to = None
        twin.save(update_fields=["joined_to"])
        if twin.state == State.APPROVED:
            ask_to_carry_out(twin, now)


def checked_reason(request: Request, reason: str) -> str:
    """Return a reason as it is kept for two years: with words, and without the person's names.

    Raises:
        ReasonRequired: it is too short or too long, or names the person.
    """
    words = " ".join(reason.replace("\x00", "").split())
    if not LEAST_REASON <= len(words) <= MOST_REASON:
        raise ReasonRequired(
            f"Write the reason that the person is told, in {LEAST_REASON} to {MOST_REASON:,} "
            "characters."
        )
    given = names_in(request)
    values = [value for _, value in given.given] + [given.contact]
    lowered = words.lower()
    if any(len(value) >= 3 and value.lower() in lowered for value in values):
        raise ReasonRequired(
            "Leave the person's name, address and numbers out: the reason is kept for two years."
        )
    return words
