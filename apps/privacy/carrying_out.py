"""What is done about an approved request, by kind. A worker does it, and again until it is done."""

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.privacy import erasing, packages, portability, requests, restricting
from apps.privacy.models.erasures import Erasure
from apps.privacy.models.packages import Package
from apps.privacy.models.requests import Request
from apps.privacy.request_steps import CARRY_OUT, WORKED_ON, ask_to_carry_out
from apps.privacy.subjects import identities_in, names_of, subjects_of
from apps.work import services as work

logger = logging.getLogger(__name__)

Kind = Request.Kind

# An officer does these, on the request's page.
BY_HAND: Final = frozenset({Kind.RECTIFICATION, Kind.REVIEW})
_STOPPING: Final = frozenset({Kind.RESTRICTION, Kind.OBJECTION, Kind.OPT_OUT, Kind.LIMIT})


@work.performs(CARRY_OUT)
def perform(job: work.Work, now: datetime) -> None:
    """Carry out the request of an intent; what goes wrong is shown on its page."""
    carry_out(UUID(job.payload["request"]), now=now)


def carry_out(request_id: UUID, *, now: datetime) -> None:
    """Do what was approved, or find it done."""
    request = requests.begin_work(request_id=request_id, now=now)
    if request is None:
        return
    try:
        with transaction.atomic():
            _do(request, now)
    except Exception as error:
        # The words of an error may hold values of the person: its kind is all that is kept.
        requests.fail(request_id=request_id, trouble=type(error).__name__, now=now)
        raise


def _do(request: Request, now: datetime) -> None:
    if request.kind == Kind.ACCESS:
        _hand_out(request, Package.Kind.ACCESS, now)
    elif request.kind == Kind.PORTABILITY:
        _hand_out(request, Package.Kind.PORTABILITY, now)
    elif request.kind == Kind.ERASURE:
        _erase(request, now)
    elif request.kind in _STOPPING:
        outcome = restricting.stop(request, now=now)
        requests.complete(request_id=request.pk, outcome=outcome, actor=None, now=now)


def _hand_out(request: Request, kind: str, now: datetime) -> None:
    maker = packages if kind == Package.Kind.ACCESS else portability
    content = maker.contents_of(request, now=now)
    package = packages.make(request, content, kind=kind, now=now)
    outcome = {
        "package": str(package.pk),
        "bytes": package.size,
        "results": maker.count_of(content),
    }
    requests.complete(request_id=request.pk, outcome=outcome, actor=None, now=now)


def _erase(request: Request, now: datetime) -> None:
    """Begin the erasure, or look after it: its certificate ends the request.

    The names are barred, whether anybody has them or not.
    """
    begun = request.outcome.get("erasures")
    if begun is None:
        erasure_id = erasing.begin(
            site_id=request.site_id,
            names=identities_in(names_of(request).given),
            profile_ids=subjects_of(request),
            cause=Erasure.Cause.REQUEST,
            request_id=request.pk,
            now=now,
        )
        request.outcome = {**request.outcome, "erasures": [str(erasure_id)]}
        request.save(update_fields=["outcome"])
    elif not Erasure.objects.filter(pk__in=begun).exclude(state=Erasure.State.COMPLETED).exists():
        requests.complete_erasure(request_id=request.pk, erasure_id=UUID(begun[0]), now=now)


def carry_on(*, now: datetime) -> int:
    """Ask again for what was approved and is not done; return for how many. By schedule."""
    open_ones = Request.objects.filter(state__in=WORKED_ON).exclude(
        kind__in=BY_HAND, state=Request.State.IN_PROGRESS
    )
    count = 0
    for request in open_ones.exclude(joined_to__state__in=WORKED_ON)[:1_000]:
        with transaction.atomic():
            ask_to_carry_out(request, now)
        count += 1
    return count
