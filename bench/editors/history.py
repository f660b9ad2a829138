"""What a site has behind it: publications, releases, answers by day, decisions, an audit trail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from apps.decisions.models import Release, ReleaseItem
from apps.integrations.models import Connection, Incoming
from bench.editors.people import BEGIN
from bench.segments.data import NOW

COUNTED_DAYS: Final = 14
FINDINGS: Final = 5_000
ITEMS: Final = 20_000
QUARANTINED: Final = 5_000
CALLS: Final = 5_000


@dataclass(frozen=True, slots=True)
class History:
    """How much of it there is."""

    publications: int
    records: int


# Earlier publications that said the same. Each keeps a list of all parts, as real ones do.
_PUBLICATIONS: Final = """
INSERT INTO decisions_publication (id, site_id, number, manifest, counts, digest, note,
  published_by_id, published_at)
SELECT gen_random_uuid(), p.site_id, n, p.manifest, p.counts, p.digest, 'Change ' || n, %(by)s,
  p.published_at + (n - 1) * interval '10 hours'
FROM decisions_publication p, generate_series(2, %(publications)s - 1) n
WHERE p.site_id = %(site)s::uuid AND p.number = 1
"""
_STATEMENTS: Final = (
    """
INSERT INTO decisions_servedday (site_id, day, placement, variant, reason, rule, calls, visitors)
SELECT %(site)s::uuid, %(now)s::date - d, p.key, v.key, v.reason, '', v.calls, v.calls / 3
FROM content_placement p, generate_series(0, %(days)s - 1) d,
  (VALUES ('all', 'DEFAULT', 900), ('tier', 'TARGETING_MATCH', 120), ('cell', 'TARGETING_MATCH', 9))
    AS v(key, reason, calls)
WHERE p.site_id = %(site)s::uuid
""",
    """
INSERT INTO decisions_shownday (site_id, day, placement, variant, exposures, conversions)
SELECT site_id, day, placement, variant, calls / 2, calls / 40 FROM decisions_servedday
WHERE site_id = %(site)s::uuid
""",
    """
INSERT INTO decisions_countedday (site_id, day, records, counted_at, took_ms)
SELECT %(site)s::uuid, %(now)s::date - d, 100000, %(now)s, 900
FROM generate_series(0, %(days)s - 1) d
""",
    """
INSERT INTO decisions_decisionrecord (id, site_id, request_id, profile_id, source_id, snapshot, at,
  placements, facts, took_us, format, digest, unit_id, missing, number, dropped, key_id, seal)
SELECT ('01980000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(site)s::uuid, 'req_' || n,
  ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(source)s::uuid, 1,
  %(now)s::timestamptz - (%(records)s - n) * interval '2 seconds',
  jsonb_build_array(jsonb_build_object('placement', 'place-' || n %% 50, 'block',
    'block-' || n %% 50, 'variant', 'tier', 'version', 1, 'reason', 'TARGETING_MATCH',
    'rule', NULL)),
  '{"segments": [1], "context": {"device": "mobile"}}', 180, 0, '', 'visitor-' || n, '{}', 0, 0, 0,
  ''
FROM generate_series(0, %(records)s - 1) n
""",
    """
INSERT INTO access_auditentry (site_id, at, actor_id, actor_label, action, target_kind, target_id,
  detail)
SELECT %(site)s::uuid, %(now)s::timestamptz - n * interval '1 minute', %(by)s, 'editor',
  'content.block_saved', 'content.block', n::text, '{}'
FROM generate_series(1, %(records)s / 3) n
""",
    """
INSERT INTO events_intakeminute (site_id, minute, accepted, duplicates, rejected, without_consent)
SELECT %(site)s::uuid, date_trunc('minute', %(now)s::timestamptz) - n * interval '1 minute', 900,
  3, 1, 9
FROM generate_series(0, 10000) n
""",
    """
INSERT INTO events_eventschema (site_id, name, is_declared, first_seen_at)
SELECT DISTINCT %(site)s::uuid, name, false, %(begin)s::timestamptz FROM events_event
""",
    """
INSERT INTO events_quarantine (id, site_id, source_id, received_at, code, detail, message_id, body,
  state)
SELECT gen_random_uuid(), %(site)s::uuid, %(source)s::uuid,
  %(now)s::timestamptz - n * interval '1 minute', 'invalid_event', 'It has no name.', 'q-' || n,
  '{"type": "track"}', 'waiting'
FROM generate_series(1, %(quarantined)s) n
""",
    """
INSERT INTO decisions_contentfinding (site_id, kind, place, fingerprint, name, text, advice, link,
  weight, first_found_at, found_at, dismissed_reason)
SELECT %(site)s::uuid, 'never_served', 'variant:' || n, md5(n::text), 'Block ' || n,
  'Nobody has seen it.', 'Look whether its segment has members.', '', n %% 9, %(begin)s, %(now)s, ''
FROM generate_series(1, %(findings)s) n
""",
    """
INSERT INTO recommendations_item (site_id, code, category, name, price, seen_at)
SELECT %(site)s::uuid, 'P' || n, 'shoes', 'A fine thing number ' || n, 5 + n %% 95, %(now)s
FROM generate_series(1, %(items)s) n
""",
    """
INSERT INTO work_intent (id, site_id, kind, key, payload, queue, state, attempts, run_after,
  leased_by, done_steps, total_steps, note, error, created_at, finished_at)
SELECT gen_random_uuid(), %(site)s::uuid, 'segments.refresh', 'done-' || n, '{}', 'slow', 'done', 1,
  %(begin)s, '', 1, 1, '', '', %(begin)s, %(begin)s
FROM generate_series(1, 2000) n
""",
)


def repeat_publication(site_id: UUID, author: User, size: History) -> None:
    """Put copies of publication 1 behind it, but for the last, which is really published."""
    values: dict[str, str | int] = {
        "site": str(site_id),
        "by": author.pk,
        "publications": size.publications,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PUBLICATIONS, values)


def make_history(site_id: UUID, source_id: UUID, author: User, size: History) -> None:
    """Make what the pages of the past read."""
    values: dict[str, str | int | datetime] = {
        "site": str(site_id),
        "source": str(source_id),
        "by": author.pk,
        "now": NOW,
        "begin": BEGIN,
        "days": COUNTED_DAYS,
        "records": size.records,
        "quarantined": QUARANTINED,
        "findings": FINDINGS,
        "items": ITEMS,
    }
    with connection.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    releases = Release.objects.bulk_create(
        Release(
            site_id=site_id,
            number=n,
            name=f"Release {n}",
            state=Release.State.PUBLISHED,
            created_by=author,
            created_at=NOW,
            submitted_by=author,
            submitted_at=NOW,
            published_number=n,
        )
        for n in range(1, size.publications)
    )
    ReleaseItem.objects.bulk_create(
        ReleaseItem(release=release, kind="block", key=f"block-{5 * release.number + n}")
        for release in releases
        for n in range(5)
    )
    connected = Connection.objects.create(site_id=site_id, name="A CMS", created_at=NOW)
    Incoming.objects.bulk_create(
        Incoming(
            connection=connected,
            delivery=f"call-{n}",
            event="Entry.publish",
            body=b"{}",
            state=Incoming.State.DONE,
            received_at=NOW - n * timedelta(minutes=1),
        )
        for n in range(CALLS)
    )
