"""Reads: what a site serves, who is asking, what was decided."""

from uuid import UUID

from django.db.models import Q, QuerySet

from apps.access.errors import Unavailable
from apps.decisions import record_reads, stored
from apps.decisions.cap_counts import Showing
from apps.decisions.caps import Chain as CapChain
from apps.decisions.caps import Holder as CapHolder
from apps.decisions.caps import confirm, release, reserve, withdraw
from apps.decisions.decision_ids import PROPENSITY_SINCE, DecisionPayload, verified
from apps.decisions.models import DecisionRecord, Publication, Release
from apps.decisions.publishing import composed
from apps.decisions.reading import Reads, reads_together, splits_of
from apps.decisions.release_contents import release_changes
from apps.decisions.release_doors import long_work
from apps.decisions.signing import key_set
from apps.decisions.snapshots import Served, current, held, is_loaded, nothing
from apps.decisions.visitor_facts import bindings_of, visitor_of
from apps.decisions.visitors import Arrival, Shown, arrive
from apps.profiles.parts import Asked, Page, foreign_cursor, instant, uuid_after
from apps.work import clock
from engine.snapshot import SnapshotDoc

__all__ = [
    "PROPENSITY_SINCE",
    "Arrival",
    "CapChain",
    "CapHolder",
    "DecisionPayload",
    "Reads",
    "Served",
    "Showing",
    "Shown",
    "arrive",
    "bindings_of",
    "confirm",
    "current",
    "decisions_of",
    "decisions_part",
    "is_loaded",
    "key_set",
    "latest_publication",
    "long_work",
    "nothing",
    "open_releases",
    "publication_document",
    "reads_together",
    "release",
    "release_document",
    "reserve",
    "site_of_key",
    "splits_of",
    "verified",
    "visitor_of",
    "withdraw",
]


def latest_publication(site_id: UUID) -> Publication | None:
    """Return the publication that serves, without what it holds. One query."""
    return stored.newest(site_id)


def publication_document(site_id: UUID, number: int | None = None) -> SnapshotDoc | None:
    """Return what a publication says (None: the newest), None when there is none.

    Two queries, and one for every 500 parts that this process does not serve itself.

    Raises:
        InvalidSnapshot: it was stored by another version of this code.
    """
    publication = stored.newest(site_id) if number is None else stored.find(site_id, number)
    if publication is None:
        return None
    in_memory = held(site_id)
    return stored.document_of(publication, {} if in_memory is None else in_memory.docs)


def open_releases(site_id: UUID) -> list[tuple[UUID, str]]:
    """Return (id, name) of the newest releases that are neither published nor over. One query."""
    over = (Release.State.PUBLISHED, Release.State.CANCELLED)
    rows = Release.objects.filter(site_id=site_id).exclude(state__in=over).order_by("-number")
    return [(row.pk, str(row)) for row in rows[:50]]


def release_document(site_id: UUID, release_id: UUID) -> SnapshotDoc | None:
    """Return what would serve with a release; None when the site has no such release.

    Raises:
        InvalidSnapshot: another version of this code stored a part of it.
    """
    release = Release.objects.filter(site_id=site_id, pk=release_id).first()
    return None if release is None else composed(site_id, release_changes(release))


def decisions_of(site_id: UUID, profile_id: UUID) -> QuerySet[DecisionRecord]:
    """Return what was decided for a profile, newest first. One query."""
    return DecisionRecord.objects.filter(site_id=site_id, profile_id=profile_id).order_by("-at")


def decisions_part(asked: Asked) -> Page:
    """Return what was decided for a profile and why, newest first, for the API. One query."""
    records = decisions_of(asked.site_id, asked.profile_id).order_by("-at", "-pk")
    if asked.after:
        ms, _, number = asked.after.partition(".")
        if not (ms.isascii() and ms.isdigit() and len(ms) < 15):
            raise foreign_cursor()
        at, pk = clock.from_ms(int(ms)), uuid_after(number)
        records = records.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
    found = list(records[: asked.limit + 1])
    rows = [
        {
            "requestId": record.request_id,
            "decidedAt": instant(record.at),
            "snapshot": record.snapshot,
            "placements": record.placements,
            "tookMs": record.took_us / 1000,
        }
        for record in found[: asked.limit]
    ]
    if len(found) <= asked.limit:
        return Page(rows)
    last = found[asked.limit - 1]
    return Page(rows, f"{clock.to_ms(last.at)}.{last.pk.hex}")


def site_of_key(key: str) -> UUID | None:
    """Return the site of a public site id; None when there is none. One query.

    Raises:
        Unavailable: Postgres is away.
    """
    if "\x00" in key:
        return None
    try:
        rows = record_reads.rows("SELECT id::text FROM access_site WHERE key = %s", (key,))
    except record_reads.RecordAway as error:
        raise Unavailable from error
    return UUID(rows[0][0]) if rows else None
