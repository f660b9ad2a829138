"""The turn of one holdout, published without anybody's act: others are held out from now on.

Who published the holdout published that it rotates. Its seed is all that changes of what serves.
"""

from datetime import datetime
from typing import Final, cast
from uuid import UUID

import msgspec
from django.db import transaction

from apps.decisions import manifests, publishing, stored
from apps.decisions.manifests import Name
from apps.decisions.models import Publication
from engine.snapshot import HoldoutDoc

KIND: Final = "holdout"
NOTE: Final = "Others are held out"


@transaction.atomic
def publish_turn(*, site_id: UUID, key: str, seed: str, now: datetime) -> Publication | None:
    """Serve a holdout with another seed; None: it is not served, or has this seed already.

    Raises:
        PublicationRefused: with it, what serves would contradict itself.
    """
    latest = publishing.lock(site_id)
    if latest is None or not stored.is_readable(latest):
        return None
    manifest = stored.readable(latest)[0]
    name: Name = (KIND, key)
    if name not in manifest:
        return None
    served = cast(
        HoldoutDoc, stored.documents(site_id, {name: manifest[name]})[manifest[name].part]
    )
    if served.seed == seed:
        return None
    entry, body = manifests.entry_of(KIND, msgspec.structs.replace(served, seed=seed))
    return publishing.put_in_place(
        site_id, latest, {name: entry}, {entry.part: body}, actor=None, note=NOTE, now=now
    )
