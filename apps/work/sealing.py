"""Seals: each row of a ledger is chained to the one before, after its transaction has committed.

Whoever writes a row leaves a note of it in the same statement (`work_unsealed`, by trigger) and
waits for nobody. The sealer takes the notes in their order and links what they name. A link and the
end of its note are one transaction: a sealer that is killed leaves the notes where they were.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.work.ledger_rows import NO_SITE, Ledger, Link, beginning, registered
from apps.work.models import LedgerState, Seal, SealHead, Unsealed

logger = logging.getLogger(__name__)

BATCH: Final = 1_000  # links in one transaction: less than half a second
# Where nothing is written, the moment up to which all is sealed is told no more often.
LOOKED_EVERY: Final = timedelta(minutes=1)

# One sealer a ledger at a time; who comes second has nothing to do.
_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtext('attune.sealing'), hashtext(%s))"
_TAKE: Final = """
DELETE FROM work_unsealed WHERE id IN (
  SELECT id FROM work_unsealed WHERE ledger = %s ORDER BY id LIMIT %s
) RETURNING id, row_id
"""
_LINKS: Final = """
INSERT INTO work_seal (ledger, form, since, sealed_at,
  site_id, seq, row_id, row_at, content, apart, chain)
SELECT %s, %s, %s::timestamptz, %s, links.* FROM unnest(%s::uuid[], %s::bigint[], %s::text[],
  %s::timestamptz[], %s::bytea[], %s::bytea[], %s::bytea[]) AS links
"""
_HEAD: Final = """
INSERT INTO work_sealhead (ledger, site_id, seq, chain, sealed_at, anchored_seq)
VALUES (%s, %s, %s, %s, %s, 0)
ON CONFLICT (ledger, site_id)
DO UPDATE SET seq = excluded.seq, chain = excluded.chain, sealed_at = excluded.sealed_at
"""


def seal(limit: int = 10_000, *, now: datetime, batch: int = BATCH) -> int:
    """Link what waits, at most `limit` rows of each ledger; return how many links were made.

    A ledger that cannot be sealed is told of in the log and holds up no other.
    """
    total = 0
    for ledger in registered():
        left = limit
        try:
            while left > 0:
                taken, made = _seal_some(ledger, min(batch, left), now)
                total, left = total + made, left - taken
                if taken < batch:
                    break
        except Exception:
            logger.exception("work.ledger_not_sealed", extra={"ledger": ledger.name})
    return total


@transaction.atomic
def _seal_some(ledger: Ledger, most: int, now: datetime) -> tuple[int, int]:
    """Link up to `most` rows; return how many notes were taken and how many links were made."""
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, [ledger.name])
        if not cursor.fetchone()[0]:
            return 0, 0
        state, _ = LedgerState.objects.get_or_create(ledger=ledger.name)
        cursor.execute(_TAKE, [ledger.name, most])
        taken = [row_id for _, row_id in sorted(cursor.fetchall())]
    waiting = _unknown(ledger, taken)
    if waiting:
        _link(ledger, waiting, state.looked_at, now)
    is_stale = state.looked_at is None or now - state.looked_at >= LOOKED_EVERY
    if len(taken) < most and (taken or is_stale):
        # Not what has come since `now`: a note is written before its row can be seen.
        state.looked_at = now
        state.save(update_fields=["looked_at"])
    return len(taken), len(waiting)


def _unknown(ledger: Ledger, row_ids: Sequence[str]) -> list[str]:
    """Leave out what has a link: somebody has put a second note among those that wait."""
    seals = Seal.objects.filter(ledger=ledger.name, row_id__in=row_ids)
    known = set(seals.values_list("row_id", flat=True)) if row_ids else set()
    return [one for one in dict.fromkeys(row_ids) if one not in known]


def _link(ledger: Ledger, row_ids: Collection[str], since: datetime | None, now: datetime) -> None:
    """Chain rows to the heads of their sites, in this order, and move the heads."""
    number, form = len(ledger.forms), ledger.forms[-1]
    rows = ledger.rows(row_ids)
    sites = {NO_SITE, *(row.site_id for row in rows.values())}
    heads = {
        head.site_id: (head.seq, bytes(head.chain))
        for head in SealHead.objects.filter(ledger=ledger.name, site_id__in=sites)
    }
    made: list[tuple[object, ...]] = []
    moved: dict[UUID, None] = {}
    for row_id in row_ids:
        row = rows.get(row_id)
        site_id = row.site_id if row else NO_SITE
        seq, chain = heads.get(site_id) or (0, beginning(ledger.name, site_id))
        link = Link(
            seq=seq + 1,
            row_id=row_id,
            form=number,
            row_at=row.at if row else now,
            since=since,
            sealed_at=now,
            content=row.content(form) if row else None,
            apart=row.apart(form) if row else None,
        )
        heads[site_id] = (link.seq, link.after(chain))
        moved[site_id] = None
        made.append(
            (site_id, link.seq, row_id, link.row_at, link.content, link.apart, heads[site_id][1])
        )
    with connection.cursor() as cursor:
        columns = [list(column) for column in zip(*made, strict=True)]
        cursor.execute(_LINKS, [ledger.name, number, since, now, *columns])
        for site_id in moved:
            seq, chain = heads[site_id]
            cursor.execute(_HEAD, [ledger.name, site_id, seq, chain, now])


def waiting(ledger: str) -> int:
    """Return how many rows wait for their seal, counted no further than to 1,000. One query."""
    return Unsealed.objects.filter(ledger=ledger)[:1_000].count()
