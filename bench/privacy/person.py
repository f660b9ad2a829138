"""One person with ten thousand events, made inside Postgres beside everybody else."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from apps.profiles.models import Identity, Profile, ProfileState
from bench.segments import data

_EVENTS: Final = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  message_id, occurred_at, received_at, properties, context, consent_epoch, purposes)
SELECT %(site)s::uuid, %(profile)s::uuid, %(identity)s, %(source)s::uuid, 1, 'Product Viewed',
  'shoes', 'shoe-' || n %% 50, %(mark)s || '-m-' || n, at, at,
  jsonb_build_object('note', %(mark)s || n), '{}', 1, 63
FROM generate_series(1, %(events)s) n,
  LATERAL (VALUES (%(begin)s::timestamptz + n * %(pause_s)s * interval '1 second')) AS t(at)
"""
_CHANGES: Final = """
INSERT INTO profiles_traitchange (profile_id, key, value, source, observed_at, received_at,
  consent_epoch, message_id, identity_id)
SELECT %(profile)s::uuid, 'trait-' || n %% 20, to_jsonb(%(mark)s || n), 'web', %(begin)s, %(begin)s,
  1, 'm', %(identity)s FROM generate_series(1, %(events)s / 10) n
"""
_MEMBERSHIPS: Final = """
INSERT INTO segments_membership (site_id, segment_id, version_id, profile_id, since, left_at,
  source)
SELECT %(site)s::uuid, s.id, v.id, %(profile)s::uuid, %(begin)s, %(begin)s, 'rule'
FROM segments_segment s JOIN segments_segmentversion v ON v.segment_id = s.id
WHERE s.site_id = %(site)s::uuid ORDER BY s.number LIMIT 20
"""


def make_person(site_id: UUID, source_id: UUID, number: int, events: int) -> UUID:
    """Make one person with events in the last 85 days, and a tenth as many changes of traits."""
    mark = f"heavy-{number:03d}-5d1c77"
    begin = data.NOW - timedelta(days=85)
    profile = Profile.objects.create(site_id=site_id, bucketing_key=mark, created_at=begin)
    identity = Identity.objects.create(
        site_id=site_id, kind="user_id", value=mark, profile=profile, created_at=begin
    )
    ProfileState.objects.create(
        profile=profile, site_id=site_id, unit_id=mark, identities=[f"user_id:{mark}"], granted=63,
        event_count=events,
    )  # fmt: skip
    values: dict[str, str | int | datetime] = {
        "site": str(site_id), "profile": str(profile.pk), "identity": identity.pk, "mark": mark,
        "source": str(source_id), "events": events, "begin": begin,
        "pause_s": 84 * 86_400 // events,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_EVENTS, _CHANGES, _MEMBERSHIPS):
            cursor.execute(statement, values)
    return profile.pk
