"""Entries of lists from a time when they held hashes of addresses that anybody could make."""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Length

from apps.profiles import contacts
from apps.segments.list_names import EMAIL_KIND
from apps.segments.models import ListMember

BATCH: Final = 2_000
_HASH: Final = 64  # characters of a SHA-256; a digest of ours has 32


def blind_old(site_id: UUID) -> int:
    """Put digests of ours in the place of plain hashes; return how many. Repeatable, in batches."""
    total = 0
    while True:
        with transaction.atomic():
            rows = list(
                ListMember.objects.annotate(size=Length("value"))
                .filter(segment_list__site_id=site_id, kind=EMAIL_KIND, size=_HASH)
                .select_for_update(of=("self",))[:BATCH]
            )
            for row in rows:
                row.value = contacts.blinded(site_id, row.value)
            ListMember.objects.bulk_update(rows, ["value"], batch_size=500)
        total += len(rows)
        if len(rows) < BATCH:
            return total
