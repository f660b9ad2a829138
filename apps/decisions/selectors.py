"""Reads: what a site serves, who is asking, what was decided."""

from uuid import UUID

from django.db.models import Q, QuerySet

from apps.decisions import record_reads
from apps.decisions.decision_ids import DecisionPayload, verified
from apps.decisions.models import DecisionRecord, Publication
from apps.decisions.snapshots import Served, current, is_loaded, nothing
from apps.decisions.visitor_facts import bindings_of, visitor_of
from apps.decisions.visitors import Arrival, arrive
from apps.profiles.parts import Asked, Page, foreign_cursor, instant, uuid_after
from apps.work import clock

__all__ = [
    "Arrival",
    "DecisionPayload",
    "Served",
    "arrive",
    "bindings_of",
    "current",
    "decisions_of",
    "decisions_part",
    "is_loaded",
    "latest_publication",
    "nothing",
    "site_of_key",
    "verified",
    "visitor_of",
]


def latest_publication(site_id: UUID) -> Publication | None:
    """Return the publication that serves, without its document. One query."""
    return Publication.objects.filter(site_id=site_id).defer("document").order_by("-number").first()


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
    """Return the site of a public site id; None when there is none or Postgres is away. 1 query."""
    if "\x00" in key:
        return None
    try:
        rows = record_reads.rows("SELECT id::text FROM access_site WHERE key = %s", (key,))
    except record_reads.RecordAway:
        return None
    return UUID(rows[0][0]) if rows else None
