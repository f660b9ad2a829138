"""Reads: what a site serves, who is asking, what was decided."""

from uuid import UUID

from django.db.models import QuerySet

from apps.decisions import record_reads
from apps.decisions.decision_ids import DecisionPayload, verified
from apps.decisions.models import DecisionRecord, Publication
from apps.decisions.snapshots import Served, current, is_loaded, nothing
from apps.decisions.visitors import Arrival, arrive

__all__ = [
    "Arrival",
    "DecisionPayload",
    "Served",
    "arrive",
    "current",
    "decisions_of",
    "is_loaded",
    "latest_publication",
    "nothing",
    "site_of_key",
    "verified",
]


def latest_publication(site_id: UUID) -> Publication | None:
    """Return the publication that serves, without its document. One query."""
    return Publication.objects.filter(site_id=site_id).defer("document").order_by("-number").first()


def decisions_of(site_id: UUID, profile_id: UUID) -> QuerySet[DecisionRecord]:
    """Return what was decided for a profile, newest first. One query."""
    return DecisionRecord.objects.filter(site_id=site_id, profile_id=profile_id).order_by("-at")


def site_of_key(key: str) -> UUID | None:
    """Return the site of a public site id; None when there is none or Postgres is away. 1 query."""
    if "\x00" in key:
        return None
    try:
        rows = record_reads.rows("SELECT id::text FROM access_site WHERE key = %s", (key,))
    except record_reads.RecordAway:
        return None
    return UUID(rows[0][0]) if rows else None
