"""A site with visitors, and events written straight into the tables, as the consumer would."""

import csv
import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.db import connection

from apps.access.models import Site, Source
from apps.consent.types import Purpose
from apps.profiles.models import Profile, ProfileState
from apps.work.ids import uuid7

CLICKS = Path(__file__).parents[3] / "apps/demo/data/clicks_2008-04_06.csv.gz"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
EVERYTHING = 63
NECESSARY_ONLY = int(Purpose.NECESSARY)

_message = itertools.count()
_site = itertools.count()

_EVENTS = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
    value, message_id, occurred_at, received_at, properties, consent_epoch, purposes)
SELECT site_id, profile_id, device, site_id, kind, name, category, item, value, message_id, at, at,
    '{}', 0, purposes
FROM jsonb_to_recordset(%s::jsonb) AS e(site_id uuid, profile_id uuid, device bigint, kind int2,
    name text, category text, item text, value float8, message_id text, at timestamptz,
    purposes int2)
"""


@dataclass(slots=True)
class Seen:
    """One event of a profile."""

    profile_id: UUID
    at: datetime
    item: str | None = None
    name: str = "Product Viewed"
    category: str | None = None
    value: float | None = None
    device: int = 1
    purposes: int = EVERYTHING
    kind: int = 1
    message_id: str = ""


def make_site() -> Site:
    number = next(_site)
    site = Site.objects.create(key=f"shop-{number}", name=f"Shop {number}", created_at=NOW)
    # Its server vouches for whoever has not been asked.
    Source.objects.create(
        site=site, name="server", kind="server", consent_mode="assumed", created_at=NOW
    )
    return site


def make_profile(
    site: Site, *, last_seen_at: datetime = NOW, denied: int = 0, id: UUID | None = None
) -> UUID:
    profile = Profile.objects.create(
        id=id or uuid7(), site=site, bucketing_key="unit", created_at=NOW
    )
    ProfileState.objects.create(
        profile=profile,
        site_id=site.pk,
        unit_id="unit",
        version=1,
        denied=denied,
        last_seen_at=last_seen_at,
    )
    return profile.pk


def store(site: Site, events: Iterable[Seen]) -> None:
    """Store events; of whom nobody has made a profile, one is made."""
    events = list(events)
    people = {event.profile_id for event in events}
    Profile.objects.bulk_create(
        [Profile(id=one, site=site, bucketing_key="unit", created_at=NOW) for one in people],
        ignore_conflicts=True,
    )
    ProfileState.objects.bulk_create(
        [
            ProfileState(profile_id=one, site_id=site.pk, unit_id="unit", version=1)
            for one in people
        ],
        ignore_conflicts=True,
    )
    rows = [
        {
            "site_id": str(site.pk),
            "profile_id": str(event.profile_id),
            "device": event.device,
            "kind": event.kind,
            "name": event.name,
            "category": event.category,
            "item": event.item,
            "value": event.value,
            "message_id": event.message_id or f"m{next(_message):08d}",
            "at": event.at.isoformat(),
            "purposes": event.purposes,
        }
        for event in events
    ]
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [json.dumps(rows)])


def new_person() -> UUID:
    """An id for events whose profile does not matter."""
    return uuid7()


def real_sessions() -> Iterator[tuple[int, list[str]]]:
    """Yield the month and the products of each session of the e-shop data set, in order."""
    with gzip.open(CLICKS, "rt", encoding="utf-8") as lines:
        for _, rows in itertools.groupby(csv.DictReader(lines), key=lambda row: row["session_id"]):
            clicks = list(rows)
            yield int(clicks[0]["month"]), [row["clothing_model"] for row in clicks]
