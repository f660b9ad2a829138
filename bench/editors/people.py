"""A million people and their past, made inside Postgres: nobody passes through Python.

Everybody is in two segments: one of ten broad ones, by the trait `tier`, and one of the narrow
ones, by the trait `cell`. State rows, traits and memberships say the same of them, so whichever a
page reads, it finds what an event would have left there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.segments.models import ListUpload, LiveSet, Segment, SegmentList, SegmentVersion
from bench.segments import data
from engine.conditions.canonical import digest, to_json
from engine.conditions.parse import parse_condition

BROAD: Final = 10
LISTED: Final = 5  # one in so many people is on an uploaded list
BEGIN: Final = data.NOW - timedelta(days=data.DAYS)
_ID: Final = "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
# The numbers of the two segments that visitor n is in.
_EVERYBODY: Final = (
    f"(SELECT n, 1 + n %% {BROAD} AS broad, {BROAD + 1} + n / {BROAD} %% %(narrow)s AS own"
    " FROM generate_series(0, %(profiles)s - 1) n) v"
)


@dataclass(frozen=True, slots=True)
class People:
    """How many there are, in how many segments."""

    profiles: int
    events: int
    segments: int


_STATEMENTS: Final = (
    f"""
INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
SELECT {_ID}, %(site)s::uuid, 'visitor-' || n,
  %(begin)s::timestamptz + n * (interval '90 days' / %(profiles)s)
FROM generate_series(0, %(profiles)s - 1) n
""",
    f"""
INSERT INTO profiles_identity (id, site_id, kind, value, profile_id, is_shared, created_at)
SELECT n + 1, %(site)s::uuid, 'anonymous_id', 'visitor-' || n, {_ID}, false, %(begin)s::timestamptz
FROM generate_series(0, %(profiles)s - 1) n
""",
    "SELECT setval(pg_get_serial_sequence('profiles_identity', 'id'), %(profiles)s)",
    f"""
INSERT INTO profiles_identitylink (identity_id, profile_id, since)
SELECT n + 1, {_ID}, %(begin)s::timestamptz FROM generate_series(0, %(profiles)s - 1) n
""",
    f"""
INSERT INTO profiles_trait (profile_id, key, value, source, observed_at, message_id)
SELECT {_ID}, t.key, t.value, 'web', %(begin)s::timestamptz, 'm-' || n
FROM {_EVERYBODY}, LATERAL (VALUES ('tier', to_jsonb(broad)), ('cell', to_jsonb(own)))
  AS t(key, value)
""",
    f"""
INSERT INTO profiles_traitchange (profile_id, key, value, source, observed_at, received_at,
  consent_epoch, message_id, identity_id)
SELECT {_ID}, 'tier', to_jsonb(broad), 'web', %(begin)s::timestamptz, %(begin)s::timestamptz, 1,
  'm-' || n, n + 1
FROM {_EVERYBODY}
""",
    f"""
INSERT INTO consent_consentevent (id, site_id, profile_id, identity_id, subject_digest, kind,
  purposes, granted_before, denied_before, granted_after, denied_after, epoch, regime,
  policy_version, method, has_gpc, signals, at, source_id)
SELECT ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, %(site)s::uuid, {_ID}, n + 1,
  md5(n::text), 'given', '{{"personalization": true}}', 0, 0, 63, 0, 1, 'us_opt_out', '', 'banner',
  false, '{{}}', %(begin)s::timestamptz, %(source)s::uuid
FROM generate_series(0, %(profiles)s - 1) n
""",
    # A stay: (inside, until, then, then until, since), by the segment's number; msgpack.
    f"""
INSERT INTO profiles_profilestate (profile_id, site_id, unit_id, identities, version,
  consent_epoch, granted, denied, history, memberships, inside, traits, event_count,
  first_seen_at, last_seen_at, last_message_id)
SELECT {_ID}, %(site)s::uuid, 'visitor-' || n, jsonb_build_array('anonymous_id:visitor-' || n), 1,
  1, 63, 0, '', decode('82cd' || lpad(to_hex(broad), 4, '0') || stay || 'cd'
    || lpad(to_hex(own), 4, '0') || stay, 'hex'),
  CASE WHEN own < 62 THEN ARRAY[(1::bigint << broad) | (1::bigint << own)]
    ELSE ARRAY[1::bigint << broad] || array_fill(0::bigint, ARRAY[own / 62 - 1])
      || ARRAY[1::bigint << own %% 62] END,
  jsonb_build_object('tier', jsonb_build_array(broad, %(begin_ms)s::bigint, 'm-' || n),
    'cell', jsonb_build_array(own, %(begin_ms)s::bigint, 'm-' || n),
    'score.purchase', jsonb_build_array(n %% 100 / 100.0, %(begin_ms)s::bigint, 'm-' || n)),
  2, %(begin)s::timestamptz, %(now)s::timestamptz - n %% 60 * interval '1 day', ''
FROM {_EVERYBODY}, (SELECT '95c3c0c0c0cf' || lpad(to_hex(%(begin_ms)s::bigint), 16, '0')) s(stay)
""",
    f"""
INSERT INTO segments_membership (site_id, segment_id, version_id, profile_id, since, source)
SELECT %(site)s::uuid, s.id, w.id, {_ID}, %(begin)s::timestamptz, 'rule'
FROM {_EVERYBODY}, LATERAL (VALUES (broad), (own)) AS i(number)
JOIN segments_segment s ON s.site_id = %(site)s::uuid AND s.number = i.number
JOIN segments_segmentversion w ON w.segment_id = s.id
""",
    f"""
INSERT INTO segments_listmember (segment_list_id, kind, value, upload_id, profile_id, is_applied)
SELECT %(list)s::uuid, 'anonymous_id', 'visitor-' || n, %(upload)s::uuid, {_ID}, true
FROM generate_series(0, %(profiles)s - 1, {LISTED}) n
""",
    # The first third has been in another segment before.
    f"""
INSERT INTO segments_membership (site_id, segment_id, version_id, profile_id, since, left_at,
  source)
SELECT %(site)s::uuid, s.id, w.id, {_ID}, %(begin)s::timestamptz,
  %(begin)s::timestamptz + interval '9 days', 'rule'
FROM (SELECT n, {BROAD + 1} + (n / {BROAD} + 7) %% %(narrow)s AS number
  FROM generate_series(0, %(profiles)s / 3) n) v
JOIN segments_segment s ON s.site_id = %(site)s::uuid AND s.number = v.number
JOIN segments_segmentversion w ON w.segment_id = s.id
""",
)


def make_people(site_id: UUID, source_id: UUID, size: People) -> None:
    """Make the segments with their members, then everybody else's tables, then what they did."""
    _make_segments(site_id, size)
    upload = _make_list(site_id)
    values: dict[str, str | int | datetime] = {
        "list": str(upload.segment_list_id),
        "upload": str(upload.pk),
        "site": str(site_id),
        "source": str(source_id),
        "profiles": size.profiles,
        "narrow": size.segments - BROAD,
        "begin": BEGIN,
        "begin_ms": int(BEGIN.timestamp() * 1000),
        "now": data.NOW,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Each row names only rows that are made here: looking each up again takes half the time.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    data.store_events(site_id, data.Size(size.profiles, size.events))


def _make_segments(site_id: UUID, size: People) -> None:
    """Make published segments whose first members are found: as many as `make_people` puts in."""
    narrow = size.segments - BROAD
    documents = [
        {"v": 1, "where": {"kind": "trait", "name": name, "op": "eq", "value": number}}
        for name, number in (
            *(("tier", number) for number in range(1, BROAD + 1)),
            *(("cell", number) for number in range(BROAD + 1, size.segments + 1)),
        )
    ]
    segments = Segment.objects.bulk_create(
        Segment(
            site_id=site_id,
            number=number,
            key=f"segment-{number}",
            name=f"Segment {number}",
            description="Made to be many.",
            draft=document,
            created_at=BEGIN,
        )
        for number, document in enumerate(documents, 1)
    )
    versions = []
    for segment in segments:
        node = parse_condition(segment.draft)
        members = size.profiles // (BROAD if segment.number <= BROAD else narrow)
        versions.append(
            SegmentVersion(
                segment=segment,
                number=1,
                condition=to_json(node),
                digest=digest(node),
                state=SegmentVersion.State.LIVE,
                published_at=BEGIN,
                refreshed_at=data.NOW,
                refresh_ms=900,
                size=members,
                first_size=members,
                entered=members,
                left=0,
            )
        )
    SegmentVersion.objects.bulk_create(versions)
    LiveSet.objects.create(site_id=site_id, number=1, time_zone="UTC")


def _make_list(site_id: UUID) -> ListUpload:
    """Make a list with the file that has filled it; whom is put in by `make_people`."""
    made = SegmentList.objects.create(
        site_id=site_id, key="newsletter", name="Newsletter", created_at=BEGIN
    )
    return ListUpload.objects.create(
        segment_list=made, number=1, mode=ListUpload.Mode.APPEND, state=ListUpload.State.APPLIED,
        file_name="newsletter.csv", sha256="0" * 64, uploaded_at=BEGIN,
    )  # fmt: skip
