"""Tombstones put back from the erasure ledger, which knows digests and no names."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.consent.tombstone_models import Tombstone
from apps.consent.tombstones import ALWAYS_MS, KEPT_DAYS
from apps.work.clock import to_ms


def put_back(
    site_id: UUID,
    digests: Iterable[str],
    intervals: Iterable[Mapping[str, Any]],
    *,
    erased_at: datetime,
) -> int:
    """Bar identities again that a restored backup does not know to be erased; how many there are.

    Repeatable. One statement.

    Args:
        digests: of identities that are barred altogether, as hex.
        intervals: {"digest", "since", "until"}: times at devices that others use too, in ms, 0 for
            an open end.
    """
    expires_at = erased_at + timedelta(days=KEPT_DAYS)
    spans: list[tuple[str, int | None, int | None]] = [(digest, None, None) for digest in digests]
    # As the erasure wrote them: an open end bars no other user of the device, and nothing to come.
    spans += [
        (one["digest"], one["since"] or 1 - ALWAYS_MS, one["until"] or to_ms(erased_at))
        for one in intervals
    ]
    rows = [
        Tombstone(
            site_id=site_id,
            digest=UUID(digest),
            erased_at=erased_at,
            since_ms=since,
            until_ms=until,
            expires_at=expires_at,
        )
        for digest, since, until in spans
    ]
    Tombstone.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
