"""What was served once, and whether the log of it is whole."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.decisions import stored
from apps.decisions.models import DecisionRecord
from apps.decisions.record_inputs import UNIT, Inputs, unpacked
from apps.decisions.records import DIGEST_LENGTH, INPUTS_LOST, READABLE
from apps.decisions.retention import kept_since
from apps.decisions.sealing import faults, hidden
from apps.decisions.snapshots import Served, nothing, opened
from engine.errors import InvalidSnapshot

__all__ = [
    "DIGEST_LENGTH",
    "INPUTS_LOST",
    "READABLE",
    "UNIT",
    "Gap",
    "Inputs",
    "Record",
    "Unreadable",
    "faults",
    "gaps",
    "hidden",
    "records",
    "served_then",
    "unpacked",
]

Record: TypeAlias = DecisionRecord

# Calls are written down in the order in which they end, and dated by when they began.
_MARGIN: Final = timedelta(minutes=1)

_GAPS = """
SELECT writer, before, number, at, missing FROM (
    SELECT writer, number, at, lag(number) OVER w AS before, lag(at) OVER w AS before_at,
        number - coalesce(lag(number) OVER w, 0) - 1
            - (dropped - coalesce(lag(dropped) OVER w, 0)) AS missing
    FROM decisions_decisionrecord
    WHERE writer IS NOT NULL AND at >= %(from)s
    WINDOW w AS (PARTITION BY writer ORDER BY number)
) found
WHERE missing <> 0 AND at >= %(since)s AND at < %(until)s
    AND (before_at >= %(since)s OR before IS NULL AND %(is_whole)s)
ORDER BY at LIMIT %(most)s
"""
_OLDEST = "SELECT min(at) FROM decisions_decisionrecord"


class Unreadable(Exception):
    """What served then cannot be had any more."""


class Gap(NamedTuple):
    """Records that a process wrote and that are not there.

    Attributes:
        after: the number before the gap; 0: the writer's first records are gone.
        missing: how many; below 0: there are more than the process wrote.
    """

    writer: UUID
    after: int
    number: int
    at: datetime
    missing: int


def served_then(site_id: UUID, number: int) -> Served:
    """Return a publication as it served, its digest computed anew.

    Raises:
        Unreadable: it is gone, or this version of the code does not understand it.
    """
    if number == 0:
        return nothing(site_id)
    try:
        publication = stored.find(site_id, number)
        if publication is None:
            raise Unreadable(f"publication {number} is gone")
        return opened(*stored.as_it_is(publication))
    except InvalidSnapshot as error:
        raise Unreadable(f"publication {number} is of another version of this code") from error


def gaps(
    now: datetime, since: datetime | None, until: datetime | None, most: int = 100
) -> list[Gap]:
    """Return where the numbers of writers have gaps that dropped records do not explain.

    The records of all sites are asked, because a writer numbers them together. Two queries.

    Args:
        since, until: of the record after the gap; at the border of retention nothing is judged.
    """
    border = kept_since(now) + _MARGIN
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        oldest = cursor.fetchone()[0]
        if oldest is None:
            return []
        begin = max(since or oldest, border)
        cursor.execute(
            _GAPS,
            {
                "from": begin - _MARGIN,
                "since": begin,
                "until": until or now + timedelta(days=1),
                # A log that has lost nothing to age yet begins with number 1 of each writer.
                "is_whole": since is None and oldest >= border,
                "most": most,
            },
        )
        return [
            Gap(writer, before or 0, number, at, missing)
            for writer, before, number, at, missing in cursor.fetchall()
        ]


def records(
    *,
    site_id: UUID | None = None,
    request_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Record]:
    """Return the records that are asked for, the oldest first; `until` is exclusive."""
    found = DecisionRecord.objects.order_by("at", "pk")
    if site_id is not None:
        found = found.filter(site_id=site_id)
    if request_id is not None:
        found = found.filter(request_id=request_id)
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    return found
