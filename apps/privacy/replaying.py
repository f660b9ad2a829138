"""The erasures that a restored backup does not know of, carried out again.

Each as it was the first time, under its own id: whoever is in the database again is erased step by
step, with a certificate; of whoever came after the backup only the tombstones are put back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.consent import tombstones_again
from apps.privacy import erasing, restored
from apps.privacy.ledger_file import Entry
from apps.privacy.models import Erasure
from apps.profiles.models import Profile


@dataclass(frozen=True, slots=True)
class Waiting:
    """An erasure that has to be replayed, and how many of the person's profiles are back."""

    entry: Entry
    profiles: int


def waiting(now: datetime) -> list[Waiting]:
    """Return what has to be replayed, oldest first."""
    return [Waiting(entry, len(_back(entry))) for entry in restored.missing(now)]


def replay(entry: Entry, *, now: datetime) -> int:
    """Carry one erasure out again; return how many profiles were erased. Resumed if called again.

    Raises:
        ErasureIncomplete, or what a store said: call it again; nothing serves meanwhile.
    """
    back = _back(entry)
    with transaction.atomic():
        tombstones_again.put_back(
            entry.site_id, entry.digests, entry.intervals or (), erased_at=entry.erased_at
        )
        row = Erasure.objects.filter(pk=entry.erasure_id).first()
        if row is None and back:
            erasing.begin(
                site_id=entry.site_id,
                profile_ids=back,
                cause=Erasure.Cause.REPLAY,
                erasure_id=entry.erasure_id,
                erased_at=entry.erased_at,
                now=now,
            )
        elif row is None:
            Erasure.objects.create(
                pk=entry.erasure_id,
                site_id=entry.site_id,
                cause=Erasure.Cause.REPLAY,
                state=Erasure.State.COMPLETED,
                started_at=entry.erased_at,
                completed_at=now,
            )
            return 0
    erasing.run(entry.erasure_id)
    return len(back)


def _back(entry: Entry) -> list[UUID]:
    known = Profile.objects.filter(pk__in=entry.profile_ids, site_id=entry.site_id)
    return list(known.order_by("pk").values_list("pk", flat=True))
