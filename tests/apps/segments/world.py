"""A site with profiles and events, written straight into the tables as the consumer would."""

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.access.models import Site, Source
from apps.events import history as histories
from apps.profiles.models import Profile, ProfileState
from apps.segments import live
from apps.work import clock
from apps.work.ids import uuid7

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW_MS = clock.to_ms(NOW)

USER = 9  # the identity of a user; no device has it

_message = itertools.count()
_site = itertools.count()

_EVENTS = """
INSERT INTO events_event (site_id, profile_id, identity_id, user_identity_id, source_id, kind,
    name, message_id, occurred_at, original_at, received_at, properties, consent_epoch, purposes)
SELECT site_id, profile_id, identity_id, user_identity_id, site_id, 1, name, message_id,
    timestamptz 'epoch' + at_ms * interval '1 ms',
    timestamptz 'epoch' + original_ms * interval '1 ms',
    timestamptz 'epoch' + at_ms * interval '1 ms', properties, 0, 63
FROM jsonb_to_recordset(%s::jsonb) AS e(site_id uuid, profile_id uuid, identity_id bigint,
    user_identity_id bigint, name text, message_id text, at_ms bigint,
    original_ms bigint, properties jsonb)
"""


@dataclass(slots=True)
class Happened:
    """One event to store. `at_ms` since 1970; `device` is its identity, NO_DEVICE for a user's."""

    at_ms: int
    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    device: int = 1
    original_ms: int | None = None
    message_id: str = ""


def make_site(key: str = "", zone: str = "UTC") -> Site:
    number = next(_site)
    site = Site.objects.create(
        key=key or f"site-{number}", name=f"Site {number}", time_zone=zone, created_at=NOW
    )
    # Its server vouches for whoever has not been asked: else nobody would be in a segment.
    Source.objects.create(
        site=site, name="server", kind="server", consent_mode="assumed", created_at=NOW
    )
    return site


def make_profile(
    site: Site,
    events: Iterable[Happened] = (),
    traits: Mapping[str, Any] | None = None,
    unit_id: str = "unit",
) -> Profile:
    """A profile whose state row holds what a fold of these events would have left there."""
    profile = Profile.objects.create(id=uuid7(), site=site, bucketing_key=unit_id, created_at=NOW)
    events = list(events)
    store_events(site, profile.pk, events)
    properties = live.live_set(site.pk).properties
    kept = histories.load(profile.pk, properties, since_ms=None, limit=101)
    kept.trim()
    ProfileState.objects.create(
        profile=profile,
        site_id=site.pk,
        unit_id=unit_id,
        version=1,
        history=histories.encode(kept),
        traits={key: [value, NOW_MS, "m"] for key, value in (traits or {}).items()},
        event_count=len(events),
    )
    return profile


def store_events(site: Site, profile_id: UUID, events: Iterable[Happened]) -> None:
    rows = [
        {
            "site_id": str(site.pk),
            "profile_id": str(profile_id),
            "identity_id": event.device or USER,
            "user_identity_id": None if event.device else USER,
            "name": event.name,
            "message_id": event.message_id or f"m{next(_message)}",
            "at_ms": event.at_ms,
            "original_ms": event.original_ms,
            "properties": event.properties,
        }
        for event in events
    ]
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [json.dumps(rows)])
