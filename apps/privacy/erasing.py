"""Erasing one person, everywhere: begun in the caller's transaction, carried out by a worker.

The steps are rows. Who is killed between any two instructions leaves the row of the step that was
under way; whoever takes the intent over begins with that step again.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.access.services import Actor, record_audit
from apps.privacy import certificates, requests, sought, steps
from apps.privacy.errors import UnknownPerson
from apps.privacy.models.erasures import WRITTEN, Erasure, ErasureStep
from apps.privacy.steps import Between
from apps.profiles import selectors
from apps.profiles.models import Profile
from apps.work import clock
from apps.work import services as work
from apps.work.ids import uuid7

logger = logging.getLogger(__name__)

ERASE: Final = "privacy.erase"
CERTIFICATE: Final = "certificate"


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step for a page. `stores`: what was removed so far, by store; `removed`: their sum."""

    name: str
    title: str
    state: str
    removed: int
    attempts: int
    done_at: datetime | None
    detail: str
    stores: dict[str, int]


@transaction.atomic
def begin(
    *,
    site_id: UUID,
    names: Sequence[tuple[str, str]] = (),
    profile_id: UUID | None = None,
    profile_ids: Sequence[UUID] = (),
    cause: str = Erasure.Cause.OFFICER,
    request_id: UUID | None = None,
    actor: Actor = None,
    erasure_id: UUID | None = None,
    erased_at: datetime | None = None,
    now: datetime,
) -> UUID:
    """Begin to erase a person and ask a worker to carry it out; return the erasure's id.

    Who is being erased already is not erased twice: that erasure is returned, if it is about
    everybody and everything that is named.

    Args:
        names: (kind, value) of identities, known or not: unknown ones are barred all the same.
        profile_id: any profile of the person, one that was merged away too.
        profile_ids: more of them, of one person who was several when a backup was made.
        request_id: of the request that is completed with it.
        erasure_id, erased_at: of an erasure that is replayed: the same as the first time.

    Raises:
        UnknownPerson: neither a profile of this site nor a name was given.
    """
    people = dict.fromkeys(sought.people_behind(site_id, names))
    for one in (*profile_ids, *([] if profile_id is None else [profile_id])):
        people.update(dict.fromkeys(_person_of(site_id, one)))
    if not people and not names:
        raise UnknownPerson
    found = sought.collected(site_id, list(people), names)
    same = Erasure.objects.filter(site_id=site_id, profile_ids__overlap=found.profiles)
    running = same.exclude(state=Erasure.State.COMPLETED).first() if found.profiles else None
    if running is not None and _covers(running, found):
        if running.request_id is None and request_id is not None:
            Erasure.objects.filter(pk=running.pk).update(request_id=request_id)
        return running.pk
    erasure = Erasure(
        pk=erasure_id or uuid7(),
        site_id=site_id,
        request_id=request_id,
        cause=cause,
        started_at=erased_at or now,
        profile_ids=found.profiles,
    )
    erasure.sought = sought.sealed(erasure.pk, found)
    erasure.save(force_insert=True)
    ErasureStep.objects.bulk_create(
        ErasureStep(erasure=erasure, ordinal=place, name=name)
        for place, name in enumerate([*(name for name, *_ in steps.STEPS), CERTIFICATE])
    )
    record_audit(
        action="privacy.erasure_begun",
        actor=actor,
        site_id=site_id,
        target_kind="privacy.erasure",
        target_id=str(erasure.pk),
        detail={"cause": str(cause), "profiles": len(found.profiles)},
        now=now,
    )
    ask(erasure, now=now)
    return erasure.pk


def _covers(running: Erasure, found: sought.Sought) -> bool:
    """Whether an erasure under way is about all these profiles and identities."""
    theirs = sought.opened(running.pk, bytes(running.sought))
    return (
        theirs is not None
        and set(found.profiles) <= set(theirs.profiles)
        and set(found.names) <= set(theirs.names)
    )


def _person_of(site_id: UUID, profile_id: UUID) -> list[UUID]:
    own = Profile.objects.filter(pk=profile_id, site_id=site_id)
    root = own.values_list("merged_into_id", flat=True).first()
    return selectors.ids_of_person(root or profile_id) if own.exists() else []


def ask(erasure: Erasure, *, now: datetime) -> None:
    """Ask a worker to go on with an erasure."""
    work.ask(
        ERASE,
        key=str(erasure.pk),
        site_id=erasure.site_id,
        payload={"erasure": str(erasure.pk)},
        now=now,
    )


def ask_unfinished(*, now: datetime) -> int:
    """Ask again for every erasure that is not completed; return how many. Repeatable."""
    unfinished = list(Erasure.objects.exclude(state=Erasure.State.COMPLETED).order_by("pk")[:1_000])
    for erasure in unfinished:
        ask(erasure, now=now)
    return len(unfinished)


def progress(erasure_id: UUID) -> list[StepShown]:
    """Return the steps of an erasure in their order. One query."""
    return [
        StepShown(
            name=row.name,
            title=steps.TITLES.get(row.name, row.name),
            state=row.state,
            removed=sum(count for name, count in row.stores.items() if name not in WRITTEN),
            attempts=row.attempts,
            done_at=row.done_at,
            detail=row.detail,
            stores=row.stores,
        )
        for row in ErasureStep.objects.filter(erasure_id=erasure_id).order_by("ordinal")
    ]


@work.performs(ERASE)
def _erase(task: work.Work, now: datetime) -> None:
    def told(step: str, moment: str, store: str) -> None:
        if moment == "begun":
            names = list(steps.TITLES)
            task.progress(names.index(step), len(names), steps.TITLES[step])

    run(UUID(str(task.payload["erasure"])), between=told)


def run(erasure_id: UUID, *, between: Between = steps.nothing) -> None:
    """Carry an erasure out from where it stands. Whoever comes second waits, and finds it done.

    Raises:
        ErasureIncomplete, or what a store said: the step is marked, and taken up again later.
    """
    with _alone(erasure_id):
        _run(erasure_id, between)


@contextmanager
def _alone(erasure_id: UUID) -> Iterator[None]:
    """One process at a time. The lock is the session's: who is killed leaves none behind."""
    numbers = ["attune.erasing", str(erasure_id)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", numbers)
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), hashtext(%s))", numbers)


def _run(erasure_id: UUID, between: Between) -> None:
    erasure = Erasure.objects.get(pk=erasure_id)
    person = sought.opened(erasure.pk, bytes(erasure.sought))
    work_of: dict[str, Any] = {name: function for name, _, function in steps.STEPS}
    work_of[CERTIFICATE] = _certify
    for step in erasure.steps.order_by("ordinal"):
        if step.state == ErasureStep.State.DONE:
            continue
        assert person is not None, "whom to erase cannot be read: SIGNING_KEY was replaced"
        between(step.name, "begun", "")
        _mark(step, ErasureStep.State.RUNNING, first=True)
        case = steps.case_of(erasure, step, person, clock.now(), between)
        try:
            work_of[step.name](case)
        except Exception as error:
            # Never its text: it may name whom it could not erase.
            _mark(step, ErasureStep.State.FAILED, detail=type(error).__name__)
            Erasure.objects.filter(pk=erasure.pk).update(state=Erasure.State.FAILED)
            raise
        between(step.name, "worked", "")
        _mark(step, ErasureStep.State.DONE)
        between(step.name, "done", "")
    logger.info("privacy.erased", extra={"erasure": erasure.pk, "site": erasure.site_id})


def _mark(
    step: ErasureStep, state: ErasureStep.State, *, first: bool = False, detail: str = ""
) -> None:
    now = clock.now()
    step.state, step.detail = state, detail
    if first:
        step.attempts += 1
        step.first_at = step.first_at or now
        Erasure.objects.filter(pk=step.erasure_id, state=Erasure.State.FAILED).update(
            state=Erasure.State.RUNNING
        )
    if state == ErasureStep.State.DONE:
        step.done_at = now
    step.save(update_fields=["state", "detail", "attempts", "first_at", "done_at"])


def _certify(case: steps.Case) -> None:
    """Sign, put down outside the database, and only then let go of whom it was about."""
    erasure = case.erasure
    with transaction.atomic():
        transaction.on_commit(lambda: case.between(CERTIFICATE, "committed", "certificate"))
        certificate = certificates.issue(erasure, case.sought, now=case.now)
        case.between(CERTIFICATE, "committing", "certificate")
    certificates.put_down(erasure, case.sought, certificate)
    case.between(CERTIFICATE, "put down", "ledger file")
    with transaction.atomic():
        transaction.on_commit(lambda: case.between(CERTIFICATE, "committed", "completed"))
        if erasure.request_id is not None:
            requests.complete_erasure(
                request_id=erasure.request_id, erasure_id=erasure.pk, now=case.now
            )
        # Of people whose time was over nobody asks for a proof by search.
        is_searched = erasure.cause != Erasure.Cause.RETENTION
        Erasure.objects.filter(pk=erasure.pk).update(
            state=Erasure.State.COMPLETED,
            completed_at=case.now,
            profile_ids=[],
            sought=sought.sealed(erasure.pk, case.sought) if is_searched else b"",
        )
        _mark(case.step, ErasureStep.State.DONE)
        case.between(CERTIFICATE, "committing", "completed")


def tell_left(erasure: Erasure, stores: Sequence[str]) -> None:
    """Say on the page of an erasure where a search has found something of the person."""
    logger.error("privacy.search_found", extra={"erasure": erasure.pk, "stores": list(stores)})
    last = ErasureStep.objects.filter(erasure=erasure, name=CERTIFICATE)
    last.update(detail=f"A search of all stores has found something in: {', '.join(stores)}"[:300])
