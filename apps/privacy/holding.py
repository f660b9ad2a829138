"""What the desk itself keeps about a profile: which requests were about it, and their packages."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models.functions import Now

from apps.privacy.models.packages import Package
from apps.privacy.models.requests import OPEN, Request, RequestSubject
from apps.profiles.holders import JSON, Division, PersonalDataHolder


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    rows = RequestSubject.objects.filter(profile_id=from_profile)
    twice = RequestSubject.objects.filter(profile_id=to_profile).values("request")
    gone = rows.filter(request__in=twice).delete()[0]
    return gone + rows.update(profile_id=to_profile)


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = RequestSubject.objects.filter(profile_id=profile_id).select_related("request")
    for row in rows.order_by("request__received_at"):
        request = row.request
        yield {
            "request": request.public_ref,
            "kind": request.kind,
            "state": request.state,
            "receivedAt": request.received_at.isoformat(),
            "endedAt": None if request.ended_at is None else request.ended_at.isoformat(),
            "refusedBecause": request.refusal_reason,
        }


def _erase(profile_id: UUID) -> int:
    """Packages are emptied. A request stays for two years: when, what and what was done, no name.

    The name of one that is open stays until it ends: it is what the erasure is about.
    """
    requests = Request.objects.filter(subjects__profile_id=profile_id)
    packages = Package.objects.filter(request__in=requests, closed_at=None)
    count = packages.update(content_enc=b"", closed_at=Now())
    ended = requests.exclude(state__in=OPEN)
    Request.objects.filter(pk__in=list(ended.values_list("pk", flat=True))).update(
        subject_digests=[], names_enc=b""
    )
    return count + RequestSubject.objects.filter(profile_id=profile_id).delete()[0]


def _divide(division: Division) -> int:
    """A request stays with whom the officer sees now: both halves are told of by its log."""
    return 0


HOLDER = PersonalDataHolder(
    name="privacy requests",
    tables=(RequestSubject._meta.db_table,),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    stage="files",
)
